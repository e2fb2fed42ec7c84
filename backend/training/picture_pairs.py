"""Super-resolution as training examples: small pictures in, large ones wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from backend.data.photographs import PicturePairs
from backend.models.graph_module import GraphModule
from backend.training.examples import Batch


class PairExamples:
    """Pairs of pictures, turned and mirrored at random (the eight symmetries of a square).

    Args:
        pairs: the same places small and large.
        border: pixels of the large pictures on each side that the net does not make.
    """

    def __init__(self, pairs: PicturePairs, border: int) -> None:
        self._small = torch.from_numpy(pairs.small)
        side = pairs.large.shape[2] - border
        self._large = torch.from_numpy(pairs.large[:, :, border:side, border:side].copy())

    def __len__(self) -> int:
        return len(self._small)

    def take(self, part: Tensor, generator: torch.Generator) -> Batch:
        """RGB in 0 to 1, small ones and the middle of large ones."""
        turn = int(torch.randint(4, (1,), generator=generator))
        mirrored = bool(torch.randint(2, (1,), generator=generator))
        small, large = (
            _turned(pictures[part].float() / 255, turn, mirrored=mirrored)
            for pictures in (self._small, self._large)
        )
        return Batch(small, large)


@dataclass(frozen=True)
class SquaredError:
    """Mean squared difference of pictures (L2), which PSNR is a function of."""

    def loss(self, module: GraphModule, batch: Batch) -> Tensor:
        """See `Objective`."""
        return functional.mse_loss(module(batch.x).float(), batch.wanted)


def small_pictures(pairs: PicturePairs) -> Tensor:
    """What a net reads: RGB in 0 to 1, (n, 3, s, s)."""
    return torch.from_numpy(pairs.small).float() / 255


def _turned(pictures: Tensor, turn: int, *, mirrored: bool) -> Tensor:
    turned = torch.rot90(pictures, turn, (2, 3))
    return turned.flip(3) if mirrored else turned
