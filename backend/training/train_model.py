"""A user's net on a user's data set: trained, judged on images it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.splits import split_validation
from backend.training.classifier import train_classifier
from backend.training.evaluate import Accuracy, evaluate
from backend.training.history import OnProgress, Trained
from backend.training.machine import use_one_thread
from backend.training.recipe import Recipe
from codegen.ir.graph import Graph


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained net and how good it is.

    Attributes:
        run: graph, history and notes.
        before: accuracy on the test images before training.
        validation: on the images kept back, which choose the epoch where patience is set.
        test: on the test images, looked at once, in the end.
    """

    run: Trained
    before: Accuracy
    validation: Accuracy
    test: Accuracy


def train_model(
    graph: Graph,
    data: ImageData,
    recipe: Recipe,
    *,
    teacher: Graph | None = None,
    checkpoint: Path | None = None,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainedModel:
    """Train on all training images but those that `split_validation` keeps back.

    Args:
        graph: as the run starts; class names and, where it has none, preprocessing become the data
            set's.
        data: the data set.
        recipe: how.
        teacher: a net to learn from, where the recipe distils.
        checkpoint: see `train`; a stopped run goes on from it.
        on_progress: called after each step.
        should_stop: asked before each step.

    Raises:
        StoppedError: `should_stop` said so; the checkpoint is written.
        DataError: data and model do not fit each other.
        TrainingError: see `train`.
    """
    use_one_thread()
    _require_fit(graph, data)
    graph = replace(
        graph, classes=data.classes, preprocessing=graph.preprocessing or data.preprocessing
    )
    if teacher is not None:
        _require_fit(teacher, data)
    split = split_validation(data)
    before = evaluate(graph, data.test_images, data.test_labels)
    run = train_classifier(
        graph,
        data,
        split.train_indices,
        recipe,
        teacher=teacher,
        validation=split.validation_indices,
        checkpoint=checkpoint,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    kept_back = split.validation_indices
    validation = evaluate(run.graph, data.train_images[kept_back], data.train_labels[kept_back])
    test = evaluate(run.graph, data.test_images, data.test_labels)
    return TrainedModel(run, before, validation, test)


def _require_fit(graph: Graph, data: ImageData) -> None:
    reads = graph.inputs[0][1].shape
    if reads != (1, *data.input_shape):
        msg = (
            f"the model {graph.name!r} reads pictures of {reads[1:]}, "
            f"the data set {data.name!r} has {data.input_shape}"
        )
        raise DataError(msg)
    scores = graph.type_of(graph.outputs[0]).shape
    if scores != (1, len(data.classes)):
        msg = (
            f"the model {graph.name!r} gives {scores}, "
            f"the data set {data.name!r} has {len(data.classes)} classes"
        )
        raise DataError(msg)
