"""NPAS phase 1: operations replaced, then a short training with the original as teacher."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from backend.data.batches import normalise
from backend.data.image_data import ImageData
from backend.data.splits import split_validation
from backend.models.replace_operations import Replacement, replace_operations, replaceable
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.training.evaluate import Accuracy, evaluate, preprocessing_of
from backend.training.fine_tune import fine_tune
from codegen.ir.graph import Graph

CALIBRATION_IMAGES = 512
LEARNING_RATE = 0.01

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Replaced:
    """What came of it; all accuracies are of the test images.

    Attributes:
        graph: with hard forms, fine-tuned.
        rows: what was replaced.
        original: the model as it was given.
        replaced: with hard forms and batch norms measured again, before training.
        tuned: in the end.
        control: the original after the same training; None where not asked for.
    """

    graph: Graph
    rows: tuple[Replacement, ...]
    original: Accuracy
    replaced: Accuracy
    tuned: Accuracy
    control: Accuracy | None = None


def replace_and_tune(
    graph: Graph,
    data: ImageData,
    *,
    skip: Collection[str] = (),
    epochs: int = 1,
    images: int = 4000,
    batch: int = 64,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    with_control: bool = False,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Replaced:
    """Replace the soft operations of a trained model and let it settle.

    NPAS (CVPR 2021), phase 1, fine-tunes for "a few epochs" without saying how; distillation from
    the original is ours.

    Args:
        graph: trained, with preprocessing; any masks are kept.
        data: its validation images are not touched.
        skip: names of operations to leave alone, as `replaceable` lists them.
        epochs: of fine-tuning; 0 leaves it out.
        images: training images of an epoch, at most.
        batch: images of a step.
        learning_rate: at its peak.
        seed: of order and mirroring.
        with_control: train the original just as long, so that what the hard forms cost can be
            told from what more training gives.
        on_progress: called with (phase, steps done, all steps).
        should_stop: asked before each step.

    Raises:
        StoppedError: `should_stop` said so.
        PunchcardError: nothing can be replaced, or model and data do not fit together.
    """

    def say(phase: str, done: int = 0, total: int = 1) -> None:
        if on_progress is not None:
            on_progress(phase, done, total)

    # a second thread only spins where the machine is shared
    torch.set_num_threads(1)
    hard = replace_operations(graph, skip)
    rows = tuple(row for row in replaceable(graph) if row.node not in skip)

    def accuracy(of: Graph) -> Accuracy:
        return evaluate(of, data.test_images, data.test_labels)

    def tuned(of: Graph, phase: str) -> Graph:
        return fine_tune(
            of,
            data,
            indices,
            epochs=epochs,
            lr=learning_rate,
            batch=batch,
            seed=seed,
            teacher=graph,
            on_progress=lambda done, total: say(phase, done, total),
            should_stop=should_stop,
        )

    say("measure the original")
    original = accuracy(graph)
    indices = split_validation(data).train_indices[:images]
    say("measure again what the norms let through")
    pixels = torch.from_numpy(data.train_images[indices[:CALIBRATION_IMAGES]])
    hard = reestimate_batch_norm(hard, normalise(pixels, preprocessing_of(graph)))
    replaced = accuracy(hard)
    hard = tuned(hard, "fine-tune")
    control = accuracy(tuned(graph, "fine-tune the original as control")) if with_control else None
    say("measure the replaced model")
    return Replaced(hard, rows, original, replaced, accuracy(hard), control)
