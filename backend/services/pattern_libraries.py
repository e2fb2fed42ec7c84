"""Libraries that are extracted while a net is trained: queueing them, and their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.jobs.queue import submit
from backend.services.models import open_model
from backend.services.pattern_views import StageView
from backend.services.patterns import check_name
from backend.sparsity.patterns.kernels import net_kernels
from backend.sparsity.patterns.library_schedule import PAPER_SIZES, PatternLibrary
from backend.sparsity.patterns.universe import universe
from backend.storage.open_database import open_database


def start_library(
    model: str,
    data: str = "sample",
    *,
    name: str,
    sizes: Sequence[int] = PAPER_SIZES,
    epochs: int = 1,
    images: int = 4000,
    stop_share: float = 1.0,
    request_id: str | None = None,
) -> str:
    """Queue a progressive extraction; the job's result is {"patterns": name, "stages": [...]}.

    Args:
        model: a base model or an uploaded one.
        data: a registered data set.
        name: of the set that is kept in the end.
        sizes: of the library after each stage, falling from 56.
        epochs: of each stage.
        images: training images of an epoch, at most.
        stop_share: a stage is held where its dropped patterns cover this share of kernels.
        request_id: the user's intent, so that a double click is one job.

    Raises:
        GraphError: there is no such model.
        PlanError: it has no 3x3 convolutions, the sizes do not fall, or the name cannot be used.
    """
    check_name(name)
    PatternLibrary(universe(), tuple(sizes), stop_share)
    net_kernels(open_model(model, data))
    payload = {
        "model": model,
        "data": data,
        "name": name,
        "sizes": list(sizes),
        "epochs": epochs,
        "images": images,
        "stop_share": stop_share,
    }
    # it would disturb the latencies of a search beside it, so it takes the same lane
    return submit(
        open_database(),
        "extract_library",
        payload,
        lane="search",
        subject=f"patterns:{name}",
        request_id=request_id,
    )


def library_stages(result: Mapping[str, Any]) -> tuple[StageView, ...]:
    """The stages in a job's result."""
    return tuple(
        StageView(
            before=int(stage["before"]),
            after=int(stage["after"]),
            coverage=float(stage["coverage"]),
            dropped_share=float(stage["dropped_share"]),
            held=bool(stage["held"]),
            counts=tuple(
                (tuple(int(digit) for digit in text), int(count))
                for text, count in sorted(stage["counts"].items(), key=lambda item: -item[1])
            ),
        )
        for stage in result.get("stages", ())
    )
