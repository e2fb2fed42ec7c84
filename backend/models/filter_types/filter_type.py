"""The contract of a filter type: the convolutions that stand in a layer's place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codegen.ir.node import Node

FloatArray = npt.NDArray[np.float32]
Padding = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Layer:
    """The convolution that is replaced.

    Attributes:
        node: of a picture.
        weight: (filters, channels / groups, ky, kx).
    """

    node: Node
    weight: FloatArray

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return self.node.integer("groups")

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of a kernel."""
        return self.weight.shape[2], self.weight.shape[3]

    @property
    def is_depthwise(self) -> bool:
        """Whether every filter reads a single channel of several."""
        return self.groups > 1 and self.weight.shape[1] == 1

    def padding_for(self, size: int) -> Padding:
        """Padding of a `size` x `size` kernel in the middle of the layer's own.

        In the order top, left, bottom, right; negative where the layer has not enough of it.
        """
        top, left, bottom, right = self.node.integers("padding")
        down, across = (
            step * (side - size) // 2
            for step, side in zip(self.node.integers("dilation"), self.kernel, strict=True)
        )
        return top - down, left - across, bottom - down, right - across

    def why_not_centred(self, size: int) -> str | None:
        """Why no kernel of `size` x `size` gives the layer's output shape, or None."""
        if any(side % 2 == 0 for side in self.kernel):
            high, wide = self.kernel
            return f"its {high}x{wide} kernels have no middle"
        if min(self.padding_for(size)) < 0:
            return (
                f"its padding is smaller than what its {self.kernel[0]}x{self.kernel[1]} kernels "
                f"reach beyond {size}x{size} ones, so the output would be another size"
            )
        return None

    def centred(self, size: int) -> FloatArray:
        """The middle of every kernel, with zeros around it where it is smaller."""
        return resized(self.weight, (size, size))


def resized(weight: FloatArray, kernel: tuple[int, int]) -> FloatArray:
    """The middle of every kernel, (filters, channels, ky, kx), with zeros where it has no more."""
    made = np.zeros((*weight.shape[:2], *kernel), np.float32)
    ours, theirs = [], []
    for side, given in zip(kernel, weight.shape[2:], strict=True):
        part = min(side, given)
        ours.append(slice((side - part) // 2, (side - part) // 2 + part))
        theirs.append(slice((given - part) // 2, (given - part) // 2 + part))
    made[:, :, *ours] = weight[:, :, *theirs]
    return made


@dataclass(frozen=True, eq=False)
class Piece:
    """One convolution of what stands in the layer's place.

    Attributes:
        suffix: of its name behind the layer's; empty for the last one, which is the layer.
        weight: (filters, channels / groups, ky, kx).
        groups: of the convolution.
        padding: (top, left, bottom, right).
        is_spatial: whether it takes the layer's stride and dilation, as exactly one piece does.
    """

    suffix: str
    weight: FloatArray
    groups: int = 1
    padding: Padding = (0, 0, 0, 0)
    is_spatial: bool = False


class FilterType(ABC):
    """What may stand in a convolution's place.

    Between the pieces there is neither batch norm nor activation: they begin as a factorisation of
    the layer, and what follows it (bias, batch norm, activation, addition) follows the last piece.

    Attributes:
        name: what plans call it.
        title: what people call it.
        says: one sentence for a person who has to choose.
    """

    name: str
    title: str
    says: str

    @abstractmethod
    def why_not(self, layer: Layer) -> str | None:
        """Why it cannot stand in the layer's place, in words, or None where it can."""

    @abstractmethod
    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """The convolutions, first to last; none at all for a layer that is left out.

        Args:
            layer: one of which `why_not` says nothing.
            start: whether weights are to be computed from the layer's; zeros else, for whoever
                asks for shapes alone.
        """
