"""One candidate from dense net to fine-tuned graph, without a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from backend.data.image_data import ImageData
from backend.data.splits import split_validation
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import PatternSet
from backend.sparsity.repair import LayerRepair, repair_layers
from backend.sparsity.report import LayerRate, achieved, overall_rate
from backend.training.calibration import calibrate_on
from backend.training.evaluate import Accuracy, evaluate
from backend.training.fine_tune import fine_tune
from codegen.ir.graph import Graph

CALIBRATION_IMAGES = 512


@dataclass(frozen=True, eq=False)
class PruneResult:
    """What came of a plan; all accuracies are of the test images.

    Attributes:
        graph: pruned, repaired and fine-tuned.
        rates: of every convolution and fully connected layer.
        rate: dense weights of these layers divided by the kept ones.
        layers: what the repair did to each layer.
        dense: the model as it was given.
        repaired: after repair, before any training.
        tuned: in the end.
    """

    graph: Graph
    rates: tuple[LayerRate, ...]
    rate: float
    layers: tuple[LayerRepair, ...]
    dense: Accuracy
    repaired: Accuracy
    tuned: Accuracy


def prune_by_plan(
    graph: Graph,
    data: ImageData,
    candidate: Candidate,
    *,
    epochs: int = 1,
    images: int = 4000,
    seed: int = 0,
    criterion: str = "obs",
    with_labels: bool = False,
    pattern_sets: Mapping[str, PatternSet] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> PruneResult:
    """Prune, repair and fine-tune a dense net.

    Args:
        graph: the dense net, with preprocessing.
        data: its validation images are not touched.
        candidate: what to prune.
        epochs: of fine-tuning; 0 leaves it out.
        images: training images of an epoch, at most.
        seed: of fine-tuning.
        criterion: how masks are chosen, a row of `CRITERIA`.
        with_labels: gradient criteria see labels; else the dense net's own output alone.
        pattern_sets: by name; the shipped ones when not given.
        on_progress: called with (phase, steps done, all steps).

    Raises:
        PunchcardError: the candidate, the data or the net do not fit together.
    """

    def say(phase: str, done: int = 0, total: int = 1) -> None:
        if on_progress is not None:
            on_progress(phase, done, total)

    # a second thread only spins where the machine is shared
    torch.set_num_threads(1)
    say("measure the dense net")
    dense = evaluate(graph, data.test_images, data.test_labels)
    indices = split_validation(data).train_indices[:images]
    say("repair")
    seen = indices[:CALIBRATION_IMAGES]
    labels = torch.from_numpy(data.train_labels[seen]) if with_labels else None
    done = repair_layers(
        graph,
        candidate,
        select=criterion,
        calibration=calibrate_on(graph, data.train_images[seen]),
        pattern_sets=pattern_sets,
        labels=labels,
    )
    pruned = done.graph
    repaired = evaluate(pruned, data.test_images, data.test_labels)
    tuned = fine_tune(
        pruned,
        data,
        indices,
        epochs=epochs,
        seed=seed,
        teacher=graph,
        on_progress=lambda done, total: say("fine-tune", done, total),
    )
    say("measure the pruned net")
    final = evaluate(tuned, data.test_images, data.test_labels)
    rates = tuple(achieved(tuned, candidate))
    return PruneResult(tuned, rates, overall_rate(rates), done.layers, dense, repaired, final)
