"""Gradients of a batch in as many parts as the memory needs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from backend.training.errors import TrainingError
from backend.training.examples import Batch

_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


class BatchSplitter:
    """Halves the examples taken at once whenever memory runs out, for the rest of the run.

    The gradients of the parts are added up, so the effective batch stays; batch norm alone sees
    the parts, and statistics of layers that ran before the failure have seen one batch twice.

    Args:
        batch: examples of a step.
        least: fewest examples that can be taken at once; 2 where batch norm trains.
        at_once: examples to begin with.
    """

    def __init__(self, batch: int, *, least: int = 2, at_once: int | None = None) -> None:
        self.at_once = batch if at_once is None else at_once
        self._least = min(least, batch)

    def accumulate(
        self,
        batch: Batch,
        add_gradients: Callable[[Batch, float], Tensor],
        clear: Callable[[], None],
        on_halved: Callable[[int], None],
    ) -> float:
        """Add up the gradients of a batch and return its loss.

        Args:
            batch: all examples of the step.
            add_gradients: adds the gradients of some examples, times their share of the batch, and
                returns that share of the loss.
            clear: drops all gradients; called before the first part, and again after a failure.
            on_halved: told the new number of examples taken at once.

        Raises:
            TrainingError: memory does not even do for the fewest examples.
        """
        while True:
            clear()
            try:
                count = min(ceil(len(batch) / self.at_once), max(1, len(batch) // self._least))
                losses = [
                    add_gradients(part, len(part) / len(batch)) for part in batch.parts(count)
                ]
                return sum(float(loss) for loss in losses)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            clear()
            _release()
            self._halve(len(batch))
            on_halved(self.at_once)

    def _halve(self, count: int) -> None:
        half = min(self.at_once, count) // 2
        if half < self._least:
            msg = (
                f"there is not enough memory to train with {max(1, min(self.at_once, count))} "
                "examples at once: take smaller pictures, a smaller model or a larger machine"
            )
            raise TrainingError(msg)
        self.at_once = half


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: Python's, torch's on a CPU, or a GPU's."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def _release() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
