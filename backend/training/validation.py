"""Judges a net between epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.models.graph_module import GraphModule
from backend.training.evaluate import evaluate_module, preprocessing_of

Validate = Callable[[GraphModule], Mapping[str, float]]
"""A net to numbers; `loss` must be among them, and the lower it is the better the net."""


def labelled_validation(data: ImageData, indices: Indices) -> Validate:
    """Accuracy and loss on some training images that are kept back."""
    images, labels = data.train_images[indices], data.train_labels[indices]

    def validate(module: GraphModule) -> Mapping[str, float]:
        seen = evaluate_module(module, preprocessing_of(module.graph), images, labels)
        return asdict(seen)

    return validate
