"""The optimiser and learning-rate schedule that all training here shares."""

from __future__ import annotations

import math

import torch
from torch import nn


def make_optimiser(module: nn.Module, *, weight_decay: float) -> torch.optim.SGD:
    """SGD with Nesterov momentum 0.9; only weights of two axes or more decay.

    The learning rate is set before every step by `learning_rate`.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)


def learning_rate(step: int, steps: int, peak: float, warm_up: float = 0.1) -> float:
    """Rate of one step: linear to the peak over a share of the steps, then half a cosine to 0."""
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return peak * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return peak * 0.5 * (1.0 + math.cos(math.pi * done))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every parameter group."""
    for group in optimiser.param_groups:
        group["lr"] = rate
