"""A running mean of a net's weights, which tests better than the last ones."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(averaged: nn.Module, module: nn.Module, keep: float, step: int) -> None:
    """Move the mean of all parameters and statistics by one step.

    Polyak, Juditsky (1992), exponentially weighted. In the first steps less is kept, so that the
    random start is soon forgotten.

    Args:
        averaged: the mean, changed in place.
        module: the net after `step` steps.
        keep: share of the mean that stays, at most.
        step: counts from 1.
    """
    share = 1.0 - min(keep, step / (step + 10))
    ours, theirs = averaged.state_dict(), module.state_dict()
    floats = [key for key, value in ours.items() if value.is_floating_point()]
    torch._foreach_lerp_([ours[key] for key in floats], [theirs[key] for key in floats], share)
