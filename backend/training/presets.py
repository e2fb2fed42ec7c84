"""Recipes by name, for the command line and the page. Needs no torch."""

from __future__ import annotations

from backend.training.recipe import Distillation, Recipe

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
