"""The nearest point of the probability simplex."""

from __future__ import annotations

import torch
from torch import Tensor


def project_simplex(a: Tensor) -> Tensor:
    """Nearest rows with entries of at least 0 and sum 1: u = [a - b 1]_+, for (..., n).

    b is the root of 1'[a - b 1]_+ = 1, found exactly: of the sorted entries the longest head stays
    positive whose mean excess over its own b does (Ma et al., ECCV 2020, the u-step of pattern
    selection; Held, Wolfe and Crowder, 1974).
    """
    ordered = a.sort(dim=-1, descending=True).values
    count = torch.arange(1, a.shape[-1] + 1, device=a.device, dtype=a.dtype)
    offsets = (ordered.cumsum(-1) - 1.0) / count
    positive = (ordered > offsets).sum(-1, keepdim=True).clamp(min=1)
    return (a - offsets.gather(-1, positive - 1)).clamp(min=0.0)
