"""What this machine computes with."""

from __future__ import annotations

import torch


def has_gpu() -> bool:
    """Whether there is a CUDA device."""
    return torch.cuda.is_available()


def use_one_thread() -> None:
    """One thread: on shared machines a second one spins more than it computes."""
    torch.set_num_threads(1)
