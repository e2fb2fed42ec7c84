"""Recipes by name, and the net a training starts from. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from backend.data.image_data import ImageData
from backend.models.zoo import MODELS, build_model, load_model
from backend.training.errors import TrainingError
from backend.training.recipe import Distillation, Recipe
from codegen.ir.graph import Graph

FROM_SCRATCH = Recipe(
    epochs=100,
    batch=128,
    learning_rate=0.1,
    warm_up=0.05,
    weight_decay=5e-4,
    label_smoothing=0.05,
    shift=2,
    average=0.998,
    whole_batches=True,
)
"""From random weights; the shipped ones come from it."""

FINE_TUNE = Recipe(distillation=Distillation())
"""A short training of a net that has been pruned."""

PRESETS = {
    "scratch": FROM_SCRATCH,
    "adapt": Recipe(
        epochs=10, learning_rate=0.02, label_smoothing=0.05, shift=2, average=0.99, patience=4
    ),
    "fine-tune": FINE_TUNE,
}
"""scratch: random weights. adapt: weights of a related task. fine-tune: after pruning."""


def preset(name: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of a name, with some of its fields changed; None leaves a field as it is.

    Raises:
        TrainingError: there is no such recipe or field, or a value is out of its range.
    """
    if name not in PRESETS:
        msg = f"there is no recipe {name!r}; take one of {', '.join(PRESETS)}"
        raise TrainingError(msg)
    asked = {key: value for key, value in (changes or {}).items() if value is not None}
    unknown = asked.keys() - {field.name for field in fields(Recipe)}
    if unknown:
        msg = f"a recipe has no field {sorted(unknown)[0]!r}"
        raise TrainingError(msg)
    return replace(PRESETS[name], **asked)


def with_teacher(recipe: Recipe, has_teacher: bool, feature_weight: float = 0.0) -> Recipe:
    """The recipe with distillation where there is a teacher, and without where there is none."""
    if not has_teacher:
        return replace(recipe, distillation=None)
    by = recipe.distillation or Distillation()
    return replace(recipe, distillation=replace(by, feature_weight=feature_weight))


def training_start(
    model: str, data: ImageData, data_name: str, *, from_scratch: bool, seed: int = 0
) -> Graph:
    """The net a training starts from, with as many classes as the data have.

    Args:
        model: a base model or a file.
        data: its shape, classes and preprocessing are taken.
        data_name: where shipped weights may be found.
        from_scratch: random weights for a base model; a file's weights are kept in any case.
        seed: of the random weights.

    Raises:
        GraphError: there is no such model, or it does not fit the data.
    """
    if model in MODELS and from_scratch:
        return build_model(
            model,
            input_shape=data.input_shape,
            classes=len(data.classes),
            seed=seed,
            preprocessing=data.preprocessing,
        )
    return load_model(
        model, input_shape=data.input_shape, classes=len(data.classes), data=data_name
    )
