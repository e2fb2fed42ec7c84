"""The optimiser and learning-rate schedule that all training here shares."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from backend.training.errors import TrainingError


def make_optimiser(module: nn.Module, *, weight_decay: float) -> torch.optim.SGD:
    """SGD with Nesterov momentum 0.9; only weights of two axes or more decay.

    The learning rate is set before every step by `learning_rate`.

    Raises:
        TrainingError: the net has no weights.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:
        msg = "the model has no weights that could be trained"
        raise TrainingError(msg)
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


def momentum(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The momentum of every parameter by its name; none before the first step."""
    found = {}
    for name, parameter in module.named_parameters():
        buffer = optimiser.state.get(parameter, {}).get("momentum_buffer")
        if buffer is not None:
            found[name] = buffer
    return found


def restore_momentum(
    module: nn.Module, optimiser: torch.optim.Optimizer, stored: Mapping[str, Tensor]
) -> None:
    """Put back what `momentum` gave, in each parameter's own memory format and device."""
    for name, parameter in module.named_parameters():
        if name in stored:
            buffer = torch.empty_like(parameter, requires_grad=False).copy_(stored[name])
            optimiser.state[parameter]["momentum_buffer"] = buffer
