"""NPAS phase 1 as a whole: replace, train, compile both nets, time them in turns, report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.models.replace_operations import Replacement, replace_operations, replaceable
from backend.search.graph_pair import FloatArray, PairTiming, time_pair
from backend.storage.settings import Settings
from codegen.ir.graph import Graph

if TYPE_CHECKING:
    from backend.data.image_data import ImageData

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ReplacementPlan:
    """What a user decides.

    Attributes:
        skip: operations to leave alone.
        epochs: of fine-tuning.
        images: of an epoch, at most.
        batch: images of a step.
        learning_rate: at its peak.
        with_control: train the original just as long.
        seed: of the fine-tuning.
    """

    skip: tuple[str, ...] = ()
    epochs: int = 1
    images: int = 4000
    with_control: bool = False
    seed: int = 0
    batch: int = 64
    learning_rate: float = 0.01


def measure_replacement(
    graph: Graph,
    settings: Settings,
    *,
    skip: Collection[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """What replacing would gain on this computer: no training, nothing kept.

    Returns:
        `rows` and `timing` of the report that `run_replacement` makes.

    Raises:
        PunchcardError: nothing can be replaced, or a net cannot be compiled.
        DeviceError: a program fails.
    """
    rows = [row for row in replaceable(graph) if row.node not in skip]
    pair = _timed(graph, replace_operations(graph, skip), settings, on_progress)
    return {"rows": _rows(graph, rows, pair), "timing": pair.to_json()}


def run_replacement(
    graph: Graph,
    data: ImageData,
    plan: ReplacementPlan,
    settings: Settings,
    *,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Graph, dict[str, Any]]:
    """Replace, fine-tune and measure; the graph and its report.

    The report has `rows` [{`node`, `op`, `to`, `max_error`, `before_ms`, `after_ms`, `share`}],
    `accuracy` {`original`, `replaced`, `tuned`, `control`} on the test images, and `timing`.

    Raises:
        StoppedError: `should_stop` said so.
        PunchcardError: nothing can be replaced, or model and data do not fit together.
        DeviceError: a program fails.
    """
    import torch

    from backend.data.batches import normalise
    from backend.training.evaluate import preprocessing_of
    from backend.training.replacement import replace_and_tune

    done = replace_and_tune(
        graph, data, on_progress=on_progress, should_stop=should_stop, **asdict(plan)
    )
    picture = normalise(torch.from_numpy(data.train_images[:1]), preprocessing_of(graph)).numpy()
    pair = _timed(graph, done.graph, settings, on_progress, picture)
    names = ("original", "replaced", "tuned", "control")
    seen = {name: getattr(done, name) for name in names}
    report = {
        "rows": _rows(graph, done.rows, pair),
        "accuracy": {name: None if one is None else asdict(one) for name, one in seen.items()},
        "timing": pair.to_json(),
        "epochs": plan.epochs,
        "images": plan.images,
        "skipped": list(plan.skip),
    }
    return done.graph, report


def _timed(
    before: Graph,
    after: Graph,
    settings: Settings,
    on_progress: OnProgress | None,
    values: FloatArray | None = None,
) -> PairTiming:
    def say(text: str) -> None:
        if on_progress is not None:
            on_progress(text, 0, 1)

    with tempfile.TemporaryDirectory(prefix="punchcard-pair-") as place:
        return time_pair(before, after, Path(place), settings, values=values, on_step=say)


def _rows(graph: Graph, rows: Collection[Replacement], pair: PairTiming) -> list[dict[str, Any]]:
    """Each operation with the time of the compiled layer it ended up in, before and after.

    Where several lie in one layer, the times are that layer's, once for each.
    """
    before, after = pair.first.layer_ms, pair.second.layer_ms
    total = sum(before.values()) or 1.0
    found = []
    for row in rows:
        old, new = layer_of(graph, row.node, before), layer_of(graph, row.node, after)
        old_ms = None if old is None else before[old]
        # A hard form that could not be fused is a layer of its own behind it.
        new_ms = None if new is None else after[new] + after.get(f"{row.node}.hard", 0.0)
        both = old_ms is not None and new_ms is not None
        found.append(
            {
                "node": row.node,
                "op": row.op,
                "to": row.form.op,
                "reason": row.form.reason,
                "max_error": row.form.max_error,
                "before_ms": old_ms,
                "after_ms": new_ms,
                "share": (old_ms or 0.0) / total if both else None,
                "gain": ((old_ms or 0.0) - (new_ms or 0.0)) / total if both else None,
            }
        )
    return found


def layer_of(graph: Graph, node: str, layers: Mapping[str, float]) -> str | None:
    """The compiled layer that an operation was fused into: the nearest one it reads from."""
    name = node
    while name not in layers:
        found = graph.by_name.get(name)
        if found is None or not found.inputs:
            return None
        name = found.inputs[0]
    return name
