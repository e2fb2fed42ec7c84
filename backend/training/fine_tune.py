"""A short training of a pruned graph with its masks held."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.training.classifier import train_classifier
from backend.training.history import Progress
from backend.training.recipe import Distillation, Recipe
from backend.training.teacher import TeacherScores
from codegen.ir.graph import Graph


def fine_tune(
    graph: Graph,
    data: ImageData,
    indices: Indices,
    *,
    epochs: int = 1,
    lr: float = 0.02,
    batch: int = 64,
    seed: int = 0,
    teacher: Graph | TeacherScores | None = None,
    mirror: bool = True,
    weight_decay: float = 1e-4,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Graph:
    """Train a graph on some training images; masked weights stay zero.

    SGD with Nesterov momentum, 10 % warm-up, then a cosine; a warning tells where memory ran out.
    Same arguments, same result on one
    kind of machine.

    Args:
        graph: pruned or dense; its masks are kept.
        data: where the images come from.
        indices: training images to use, (n,).
        epochs: passes over them; 0 returns the graph as it is.
        lr: peak learning rate.
        batch: images of a step.
        seed: of order and mirroring.
        teacher: the dense net, or its scores on exactly these images, to learn from as well.
        mirror: flip images left and right at random.
        weight_decay: of convolutions and fully connected layers.
        on_progress: called after each step with (steps done, all steps).
        should_stop: asked before each step.

    Raises:
        StoppedError: `should_stop` said so.
        TrainingError: the loss is no longer finite; the message names the layer.
        DataError: there are no images, or they do not fit the model.
    """
    recipe = Recipe(
        epochs=epochs,
        batch=batch,
        learning_rate=lr,
        weight_decay=weight_decay,
        flip=mirror,
        seed=seed,
        distillation=None if teacher is None else Distillation(),
    )

    def say_step(at: Progress) -> None:
        if on_progress is not None and at.ended is None:
            on_progress(at.step, at.steps)

    trained = train_classifier(
        graph,
        data,
        indices,
        recipe,
        teacher=teacher,
        on_progress=say_step,
        should_stop=should_stop,
    )
    for note in trained.notes:
        warnings.warn(note, stacklevel=2)
    return trained.graph
