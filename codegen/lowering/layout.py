"""Where the elements of a value lie: padded planes, blocks of channels, or without any gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["planar", "blocked"]
"""How a picture lies. Values without a picture count as planar: they lie without gaps."""

LINE_FLOATS = 16
"""f32 values in a 64-byte cache line; also the widest vector of any target."""


@dataclass(frozen=True)
class Layout:
    """Strides in elements; (c, y, x) lies at `origin + c * plane + y * row + x`.

    A planar layout has `row - width` zero columns behind each row, shared with the row below as
    its left padding, and at least `origin` zeros before, between and behind planes. So a
    convolution tap (c, dy, dx) is one constant offset from the flat position `y * row + x`.
    A compact layout has no gap; its size is rounded up to whole cache lines.

    A blocked layout (NCHW16c and its kin) keeps `block` channels of a pixel side by side:
    (c, y, x) lies at `origin + c // block * plane + y * row + x * block + c % block`. Its rows end
    in zero pixels as those of planes do. Where channels do not fill the last block, the lanes left
    over hold anything.
    """

    channels: int
    height: int
    width: int
    plane: int
    row: int
    origin: int
    size: int
    block: int = 1

    @property
    def is_planar(self) -> bool:
        """Whether padding surrounds planes of one channel each."""
        return self.origin > 0 and self.block == 1

    @property
    def is_blocked(self) -> bool:
        """Whether several channels of a pixel lie side by side."""
        return self.block > 1

    @property
    def is_padded(self) -> bool:
        """Whether some reader may need zeros around its rows."""
        return self.origin > 0 or self.row > self.width * self.block

    @property
    def planes(self) -> int:
        """Planes of one channel, or of one block of channels."""
        return -(-self.channels // self.block)

    @property
    def positions(self) -> int:
        """Flat positions of one plane, pad columns included."""
        return self.height * self.row

    def vectors(self, lanes: int) -> int:
        """Whole vectors that cover the flat positions of one plane."""
        return -(-self.positions // lanes)


@dataclass(frozen=True)
class Spacing:
    """Row stride and guard zeros, in pixels, that all planes of a section share."""

    row: int
    guard: int


def round_up(value: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-value // step) * step


@dataclass(frozen=True)
class Margins:
    """Zeros that one reader needs around a plane.

    Attributes:
        row: least row stride.
        top: rows above.
        bottom: rows below.
        left: columns before the first.
        reach: elements read behind the last position.
    """

    row: int
    top: int = 0
    bottom: int = 0
    left: int = 0
    reach: int = 0

    def joined(self, other: Margins) -> Margins:
        """Margins that serve both readers."""
        return Margins(
            max(self.row, other.row),
            max(self.top, other.top),
            max(self.bottom, other.bottom),
            max(self.left, other.left),
            max(self.reach, other.reach),
        )

    @property
    def exact(self) -> Spacing:
        """Row stride and guard for readers that touch pixels inside their rows alone."""
        above = self.top * self.row + self.left
        return Spacing(self.row, max(above, self.bottom * self.row + self.reach))

    @property
    def spacing(self) -> Spacing:
        """Row stride and guard; a tile may run over the last row by less than one line."""
        above = self.top * self.row + self.left
        below = self.bottom * self.row + self.reach + LINE_FLOATS
        return Spacing(self.row, round_up(max(above, below), LINE_FLOATS))


def planar(channels: int, height: int, width: int, spacing: Spacing) -> Layout:
    """Padded planes.

    Their distance is an odd number of cache lines, so that the same position of many planes does
    not fall into one cache set.
    """
    plane = round_up(height * spacing.row + spacing.guard, LINE_FLOATS)
    if plane // LINE_FLOATS % 2 == 0:
        plane += LINE_FLOATS
    size = round_up(channels * plane + spacing.guard, LINE_FLOATS)
    return Layout(channels, height, width, plane, spacing.row, spacing.guard, size)


def blocked(channels: int, height: int, width: int, spacing: Spacing, lanes: int) -> Layout:
    """Padded planes of blocks of channels; their distance is an odd number of cache lines too."""
    guard = round_up(spacing.guard * lanes, LINE_FLOATS)
    row = spacing.row * lanes
    plane = round_up(height * row, LINE_FLOATS) + guard
    if plane // LINE_FLOATS % 2 == 0:
        plane += LINE_FLOATS
    size = -(-channels // lanes) * plane + guard
    return Layout(channels, height, width, plane, row, guard, size, lanes)


def compact(channels: int, height: int, width: int) -> Layout:
    """Elements without gaps, as in the model's input and output."""
    plane = height * width
    return Layout(channels, height, width, plane, width, 0, round_up(channels * plane, LINE_FLOATS))


def vector(elements: int) -> Layout:
    """One row of elements: what fully connected layers and squeezed maps use."""
    return compact(elements, 1, 1)
