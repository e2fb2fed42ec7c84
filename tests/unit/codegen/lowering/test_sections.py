"""Which values share a row stride."""

from __future__ import annotations

from codegen.ir import GraphBuilder
from codegen.lowering.sections import plan_spacing


def test_a_residual_block_is_one_section_and_a_stride_begins_another() -> None:
    builder = GraphBuilder("block")
    x = builder.input((1, 4, 16, 16))
    first = builder.conv(x, 4, 3, name="first")
    active = builder.add("relu", first, name="active")
    second = builder.conv(active, 4, 5, name="second")
    total = builder.add("add", second, x, name="total")
    builder.conv(total, 8, 3, stride=2, name="down")
    spacing = plan_spacing(builder.build("down"))
    assert {spacing[name].row for name in ("input", "first", "active", "second", "total")} == {18}
    assert spacing["down"].row == 9


def test_a_channel_gate_does_not_join_its_picture() -> None:
    builder = GraphBuilder("gate")
    x = builder.input((1, 4, 16, 16))
    pooled = builder.add("global_average_pool", x, name="pooled")
    builder.add("mul", x, pooled, name="gated")
    spacing = plan_spacing(builder.build("gated"))
    assert spacing["gated"] == spacing["input"]
    assert spacing["pooled"].row == 1
