"""Convolutions as constant offsets."""

from __future__ import annotations

from codegen.ir import GraphBuilder
from codegen.lowering.layout import LINE_FLOATS, planar
from codegen.lowering.taps import TapGeometry, conv_taps


def _taps(size: int, kernel: int, **attrs: int) -> TapGeometry:
    builder = GraphBuilder("one")
    x = builder.input((1, 2, size, size))
    builder.conv(x, 3, kernel, name="c", **attrs)
    graph = builder.build("c")
    return conv_taps(graph.nodes[0], (1, 2, size, size), (kernel, kernel))


def test_stride_one_reads_the_input_itself() -> None:
    taps = _taps(8, 3)
    assert taps.phases == ((0, 0),)
    assert [(tap.dy, tap.dx) for tap in taps.taps[:4]] == [(-1, -1), (-1, 0), (-1, 1), (0, -1)]


def test_one_pad_column_serves_both_sides() -> None:
    assert _taps(28, 3).margins.row == 29
    assert _taps(28, 5).margins.row == 30
    assert _taps(28, 1).margins.row == 28


def test_stride_two_reads_four_phases_and_a_1x1_reads_one() -> None:
    taps = _taps(28, 3, stride=2)
    assert taps.phases == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert (taps.height, taps.width, taps.margins.row) == (14, 14, 15)
    assert _taps(28, 1, stride=2).phases == ((0, 0),)


def test_valid_convolution_keeps_the_row_of_its_input() -> None:
    margins = _taps(8, 3, padding=0).margins
    assert (margins.row, margins.top, margins.left, margins.reach) == (8, 0, 0, 2)


def test_offsets_address_the_planes_of_their_phase() -> None:
    taps = _taps(28, 3, stride=2)
    layout = planar(8, taps.height, taps.width, taps.margins.spacing)
    first, middle = taps.taps[0], taps.taps[4]
    assert taps.offset(middle, 1, 2, layout) == layout.plane
    assert taps.offset(first, 0, 2, layout) == 3 * 2 * layout.plane - layout.row - 1


def test_guards_hold_every_padded_row() -> None:
    for padding in (0, 1, 3):
        taps = _taps(9, 5, padding=padding)
        spacing = taps.margins.spacing
        assert spacing.guard >= padding * spacing.row + padding
        assert spacing.guard % LINE_FLOATS == 0
