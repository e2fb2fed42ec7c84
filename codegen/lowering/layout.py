"""Where the elements of a value lie: flat and padded planes, or without any gap."""

from __future__ import annotations

from dataclasses import dataclass

LINE_FLOATS = 16
"""f32 values in a 64-byte cache line; also the widest vector of any target."""


@dataclass(frozen=True)
class Layout:
    """Strides in elements; (c, y, x) lies at `origin + c * plane + y * row + x`.

    A planar layout has `row - width` zero columns behind each row, shared with the row below as
    its left padding, and at least `origin` zeros before, between and behind planes. So a
    convolution tap (c, dy, dx) is one constant offset from the flat position `y * row + x`.
    A compact layout has no gap; its size is rounded up to whole cache lines.
    """

    channels: int
    height: int
    width: int
    plane: int
    row: int
    origin: int
    size: int

    @property
    def is_planar(self) -> bool:
        """Whether padding surrounds the planes."""
        return self.origin > 0

    @property
    def positions(self) -> int:
        """Flat positions of one plane, pad columns included."""
        return self.height * self.row

    def vectors(self, lanes: int) -> int:
        """Whole vectors that cover the flat positions of one plane."""
        return -(-self.positions // lanes)


@dataclass(frozen=True)
class Spacing:
    """Row stride and guard zeros that all planes of a section share."""

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


def compact(channels: int, height: int, width: int) -> Layout:
    """Elements without gaps, as in the model's input and output."""
    plane = height * width
    return Layout(channels, height, width, plane, width, 0, round_up(channels * plane, LINE_FLOATS))


def vector(elements: int) -> Layout:
    """One row of elements: what fully connected layers and squeezed maps use."""
    return compact(elements, 1, 1)
