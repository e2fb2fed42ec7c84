"""One candidate from dense net to trained graph, without a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backend.data.image_data import ImageData
from backend.data.splits import split_validation
from backend.sparsity.allocation import share_out
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import PatternSet
from backend.sparsity.report import LayerRate, achieved, overall_rate
from backend.training.algorithms import ALGORITHMS
from backend.training.algorithms.pruning_run import PruningRun
from backend.training.algorithms.settings import PruneSettings
from backend.training.calibration import calibrate_on
from backend.training.evaluate import Accuracy, evaluate
from codegen.errors import PlanError
from codegen.ir.graph import Graph


@dataclass(frozen=True, eq=False)
class PruneResult:
    """What came of a plan; all accuracies are of the test images.

    Attributes:
        graph: pruned and trained.
        rates: of every convolution and fully connected layer.
        rate: dense weights of these layers divided by the kept ones.
        history: what the algorithm tells, plain JSON (`Pruned.history`).
        library: patterns that were learnt in place of the plan's sets, or None.
        dense: the model as it was given.
        repaired: with its final masks, before its last training.
        tuned: in the end.
    """

    graph: Graph
    rates: tuple[LayerRate, ...]
    rate: float
    history: Mapping[str, Any]
    library: PatternSet | None
    dense: Accuracy
    repaired: Accuracy
    tuned: Accuracy


def prune_by_plan(
    graph: Graph,
    data: ImageData,
    candidate: Candidate,
    *,
    algorithm: str = "one_shot",
    settings: PruneSettings | None = None,
    images: int = 4000,
    rates_by_layer: bool = False,
    pattern_sets: Mapping[str, PatternSet] | None = None,
    folder: Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PruneResult:
    """Prune a dense net by an algorithm and train it.

    Args:
        graph: the dense net, with preprocessing.
        data: its validation images are not touched.
        candidate: what to prune.
        algorithm: a row of `ALGORITHMS`.
        settings: of it.
        images: training images of an epoch, at most.
        rates_by_layer: give layers rates of their own, at as many weights as the candidate keeps.
        pattern_sets: by name; the shipped ones when not given.
        folder: of checkpoints, see `PruningRun`.
        on_progress: called with (phase, steps done, all steps).
        should_stop: asked before each step of training.

    Raises:
        StoppedError: `should_stop` said so.
        PunchcardError: the candidate, the data or the net do not fit together.
    """

    def say(phase: str, done: int = 0, total: int = 1) -> None:
        if on_progress is not None:
            on_progress(phase, done, total)

    # a second thread only spins where the machine is shared
    torch.set_num_threads(1)
    say("measure the dense net")
    dense = evaluate(graph, data.test_images, data.test_labels)
    settings = settings or PruneSettings()
    indices = split_validation(data).train_indices[:images]
    if rates_by_layer:
        if candidate.has_filter_types:
            msg = "rates cannot be shared out where filter types stand: give each layer its rate"
            raise PlanError(msg)
        say("share out the rates")
        candidate = share_out(
            calibrate_on(graph, data.train_images[indices[: settings.repair_images]]),
            candidate,
            select=settings.criterion,
            pattern_sets=pattern_sets,
        )
    before: list[Accuracy] = []
    pruned = ALGORITHMS[algorithm].run(
        PruningRun(
            graph,
            candidate,
            data,
            indices,
            settings,
            pattern_sets=pattern_sets,
            folder=folder,
            on_phase=on_progress,
            on_pruned=lambda found: before.append(
                evaluate(found, data.test_images, data.test_labels)
            ),
            should_stop=should_stop,
        )
    )
    say("measure the pruned net")
    final = evaluate(pruned.graph, data.test_images, data.test_labels)
    rates = tuple(achieved(pruned.graph, candidate, graph))
    return PruneResult(
        pruned.graph,
        rates,
        overall_rate(rates),
        pruned.history,
        pruned.library,
        dense,
        before[-1],
        final,
    )
