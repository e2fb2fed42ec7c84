"""Layouts of planes."""

from __future__ import annotations

import pytest

from codegen.errors import GraphError
from codegen.ir import GraphBuilder
from codegen.lowering.layout import LINE_FLOATS, Margins, Spacing, compact, planar, vector
from codegen.lowering.lower import lower
from codegen.targets.registry import load_target


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 7), (28, 28), (33, 17), (112, 112)])
def test_planes_are_an_odd_number_of_lines_apart_and_never_overlap(height: int, width: int) -> None:
    layout = planar(5, height, width, Spacing(width + 1, 32))
    assert layout.plane % LINE_FLOATS == 0
    assert layout.plane // LINE_FLOATS % 2 == 1
    assert layout.plane >= layout.positions + 32
    assert layout.size >= layout.origin + 4 * layout.plane + layout.positions + 32


def test_vectors_cover_all_positions() -> None:
    layout = planar(1, 7, 7, Spacing(8, 16))
    assert [layout.vectors(lanes) for lanes in (4, 8, 16)] == [14, 7, 4]


def test_compact_values_have_no_gap_and_whole_lines() -> None:
    layout = compact(3, 5, 5)
    assert (layout.plane, layout.row, layout.origin, layout.is_planar) == (25, 5, 0, False)
    assert layout.size == 80
    assert vector(10).size == 16


def test_joined_margins_serve_both_readers() -> None:
    joined = Margins(9, top=1, left=1).joined(Margins(8, bottom=2, reach=3))
    assert joined == Margins(9, 1, 2, 1, 3)
    assert joined.spacing.guard >= 2 * 9 + 3 + LINE_FLOATS


def test_a_value_too_large_for_offsets_is_refused_with_its_layer() -> None:
    builder = GraphBuilder("large", seed=0)
    x = builder.input((1, 1, 30000, 30000))
    graph = builder.build(builder.conv(x, 4, 1, name="wide"))
    with pytest.raises(GraphError, match="layer wide takes 36\\d* elements"):
        lower(graph, load_target("x86_64-avx2"))
