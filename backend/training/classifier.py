"""Trains a net on labelled images: examples, objective and validation put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.data.streamed import is_streamed
from backend.training.distillation import Distilled
from backend.training.errors import TrainingError
from backend.training.evaluate import preprocessing_of
from backend.training.examples import Examples, LabelledImages
from backend.training.history import OnProgress, Trained
from backend.training.objective import CrossEntropy, Objective, require_labels
from backend.training.precision import best_device
from backend.training.recipe import Recipe
from backend.training.regulariser import Regulariser
from backend.training.streamed_images import StreamedImages
from backend.training.teacher import TeacherScores, teacher_scores
from backend.training.trainer import CHECKPOINT_EVERY_S, train
from backend.training.validation import labelled_validation
from codegen.ir.graph import Graph


def train_classifier(
    graph: Graph,
    data: ImageData,
    indices: Indices,
    recipe: Recipe,
    *,
    teacher: Graph | TeacherScores | None = None,
    validation: Indices | None = None,
    regulariser: Regulariser | None = None,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: torch.device | None = None,
) -> Trained:
    """`train` on some training images of a data set.

    Args:
        graph: with preprocessing.
        data: where the images come from.
        indices: training images to use, (n,).
        recipe: how; its `distillation` says what a teacher is for.
        teacher: the dense net, or its scores on exactly these images. Of a net scores are computed
            once where images are at most mirrored; else it sees every batch as it is augmented.
        validation: training images, kept back, to judge the net on after each epoch.
        regulariser: see `train`, as all that follows.
        checkpoint: file.
        checkpoint_every_s: seconds.
        on_progress: called after each step.
        should_stop: asked before each step.
        device: the best there is when not given.

    Raises:
        StoppedError: `should_stop` said so.
        TrainingError: see `train`; also where distillation is wanted and there is no teacher.
        DataError: there are no images, they do not fit the model, or a label is out of its range.
    """
    if recipe.epochs < 1:
        return Trained(graph)
    device = device or best_device()
    preprocessing = preprocessing_of(graph)
    if len(indices):
        classes = graph.type_of(graph.outputs[0]).shape[-1]
        require_labels(torch.from_numpy(data.train_labels[indices]), classes)
    objective, scores = _objective(recipe, teacher, data, indices)
    kind = StreamedImages if is_streamed(data) else LabelledImages
    examples: Examples = kind(
        data, indices, recipe, preprocessing=preprocessing, teacher=scores, device=device
    )
    return train(
        graph,
        examples,
        recipe,
        objective=objective,
        regulariser=regulariser,
        validate=None if validation is None else labelled_validation(data, validation),
        checkpoint=checkpoint,
        checkpoint_every_s=checkpoint_every_s,
        on_progress=on_progress,
        should_stop=should_stop,
        device=device,
    )


def _objective(
    recipe: Recipe, teacher: Graph | TeacherScores | None, data: ImageData, indices: Indices
) -> tuple[Objective, TeacherScores | None]:
    """The objective, and the scores that go with the examples."""
    by = recipe.distillation
    if by is None:
        return CrossEntropy(recipe.label_smoothing), None
    is_stored = recipe.keeps_pixels and not by.feature_weight and not is_streamed(data)
    if isinstance(teacher, Graph) and is_stored:
        teacher = teacher_scores(teacher, data.train_images[indices])
    if isinstance(teacher, TeacherScores) and not recipe.keeps_pixels:
        msg = "stored scores do not fit shifted or cut images: give the teacher itself"
        raise TrainingError(msg)
    if teacher is None:
        msg = "the recipe distils, but there is no teacher to learn from"
        raise TrainingError(msg)
    if isinstance(teacher, TeacherScores):
        return Distilled(by, None, label_smoothing=recipe.label_smoothing), teacher
    return Distilled(by, teacher, label_smoothing=recipe.label_smoothing), None
