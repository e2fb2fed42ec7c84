"""The job of progressive library extraction; the library is kept as a pattern set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.jobs.clock import now_s
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.services.models import open_model
from backend.services.patterns import cells_of
from backend.storage.tables import PatternSetRow


def extract_library(context: JobContext) -> Mapping[str, Any]:
    """Run what `start_library` queued; a second run after a crash or a pause goes on.

    Raises:
        PunchcardError: model or data are gone, or do not fit.
        CancelledError: it was cancelled.
    """
    from backend.data.registry import open_data
    from backend.data.splits import split_validation
    from backend.training.errors import StoppedError
    from backend.training.history import Progress
    from backend.training.pattern_library import LibraryPlan
    from backend.training.pattern_library import extract_library as extract

    payload = context.payload
    name = str(payload["name"])
    plan = LibraryPlan(
        tuple(int(size) for size in payload["sizes"]),
        epochs=int(payload["epochs"]),
        images=int(payload["images"]),
        stop_share=float(payload["stop_share"]),
    )
    context.progress("opening", 0, 1, "opening the model and the data")
    data = open_data(str(payload["data"]))
    graph = _fitting(open_model(str(payload["model"]), str(payload["data"])), data)

    def say(at: Progress) -> None:
        if at.ended is not None:
            left = at.ended.facts["patterns"]
            context.event("stage", f"epoch {at.epoch}: {left:.0f} patterns are left")
            context.milestone()
        words = f"epoch {at.epoch} of {at.epochs}, loss {at.loss:.3f}"
        context.progress("training", at.step, at.steps, words)

    checkpoint = context.settings.cache / f"library-{context.job_id}.safetensors"
    try:
        found = extract(
            graph,
            data,
            split_validation(data).train_indices,
            plan,
            checkpoint=checkpoint,
            on_progress=say,
            should_stop=context.should_stop,
        )
    except StoppedError:
        raise CancelledError(context.job_id) from None
    with context.write() as session:
        session.merge(
            PatternSetRow(
                name=name,
                patterns=[list(cells_of(pattern)) for pattern in found.patterns.patterns],
                note=f"{found.patterns.note}; {payload['model']} on {payload['data']}"[:500],
                created_at=now_s(),
            )
        )
    checkpoint.unlink(missing_ok=True)
    return {"patterns": name, "stages": found.library.to_state()["stages"]}


def _fitting(graph: Any, data: Any) -> Any:
    from dataclasses import replace

    from codegen.errors import GraphError

    if graph.inputs[0][1].shape[1:] != data.input_shape:
        msg = (
            f"The model reads pictures of {graph.inputs[0][1].shape[1:]}, the data are "
            f"{data.input_shape}: pick the data it was trained on."
        )
        raise GraphError(msg)
    return replace(graph, preprocessing=graph.preprocessing or data.preprocessing)
