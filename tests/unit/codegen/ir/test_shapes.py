"""Shape rules against torch, at tail sizes; MACs by counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.models.graph_module import GraphModule
from codegen.errors import GraphError
from codegen.ir import GraphBuilder, Weight
from codegen.ir.macs import dense_macs, nonzero_macs, parameter_count

torch.set_num_threads(1)
SIZES = st.sampled_from([1, 2, 7, 8, 9, 15, 16, 17])


@given(SIZES, SIZES, st.integers(1, 5), st.integers(1, 3), st.integers(0, 3), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_convolutions_have_the_shape_torch_gives(
    height: int, width: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    b = GraphBuilder("conv")
    x = b.input((1, 2, height, width))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    arguments = (torch.zeros(1, 2, height, width), torch.zeros(3, 2, kernel, kernel))
    try:
        expected = torch.nn.functional.conv2d(*arguments, **options).shape
    except RuntimeError:
        with pytest.raises(GraphError, match="does not fit"):
            b.conv(x, 3, kernel, name="c", **options)
        return
    assert b.type_of(b.conv(x, 3, kernel, name="c", **options)).shape == tuple(expected)


@given(SIZES, SIZES, st.integers(1, 4), st.integers(1, 3), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_pools_have_the_shape_torch_gives(
    height: int, width: int, kernel: int, stride: int, ceil_mode: bool, data: st.DataObject
) -> None:
    padding = data.draw(st.integers(0, kernel // 2))
    window = {"kernel": (kernel,) * 2, "stride": (stride,) * 2, "padding": (padding,) * 4}
    b = GraphBuilder("pool")
    x = b.input((1, 2, height, width))
    value = torch.randn(2, 2, height, width)
    try:
        expected = torch.nn.functional.max_pool2d(
            value, kernel, stride, padding, ceil_mode=ceil_mode
        )
    except RuntimeError:
        with pytest.raises(GraphError, match="does not fit"):
            b.add("max_pool", x, name="p", ceil_mode=ceil_mode, **window)
        return
    graph = b.build(b.add("max_pool", x, name="p", ceil_mode=ceil_mode, **window))
    assert graph.type_of("p").shape[1:] == tuple(expected.shape[1:])
    assert torch.equal(GraphModule(graph)(value), expected)


@pytest.mark.parametrize(
    ("op", "attrs", "shapes"),
    [
        ("concat", {"axis": 1}, [(1, 2, 3, 3), (1, 2, 3, 4)]),
        ("add", {}, [(1, 2, 3, 3), (1, 3, 3, 3)]),
        ("reshape", {"shape": (1, 7)}, [(1, 8)]),
        ("reshape", {"shape": (2, 3)}, [(1, 8)]),
        ("transpose", {"perm": (0, 0)}, [(1, 8)]),
        ("slice", {"axes": (1,), "starts": (6,), "sizes": (3,), "steps": (1,)}, [(1, 8)]),
        ("slice", {"axes": (1,), "starts": (1,), "sizes": (3,), "steps": (-1,)}, [(1, 8)]),
        ("expand", {"shape": (1, 9)}, [(1, 8)]),
        ("gather", {"axis": 1, "indices": (0, 8)}, [(1, 8)]),
        ("gather", {"axis": 2, "indices": (0,)}, [(1, 8)]),
        ("pad", {"padding": (1, 1), "mode": "mirror"}, [(1, 8)]),
        ("pad", {"padding": (-1, 1)}, [(1, 8)]),
        ("resize", {"shape": (1, 4), "scales": (1.0,)}, [(1, 8)]),
        ("resize", {"shape": (1, 4), "scales": (1.0, 0.5), "mode": "area"}, [(1, 8)]),
        ("global_average_pool", {}, [(1, 8)]),
        ("pad", {"padding": 1}, [(1, 2, 3, 3)]),
        ("pad", {}, [(1, 2, 3, 3)]),
    ],
)
def test_what_does_not_fit_is_told_with_the_node(
    op: str, attrs: dict[str, object], shapes: list[tuple[int, ...]]
) -> None:
    b = GraphBuilder("net")
    inputs = [b.input(shape, f"x{i}") for i, shape in enumerate(shapes)]
    with pytest.raises(GraphError, match="node 'bad'"):
        b.add(op, *inputs, name="bad", **attrs)  # type: ignore[arg-type]


def test_a_name_is_used_once() -> None:
    b = GraphBuilder("net")
    x = b.input((1, 2))
    b.add("relu", x, name="r")
    with pytest.raises(GraphError, match="'r' is used twice"):
        b.add("relu", x, name="r")


def test_macs_count_weights_times_pixels_and_only_those_kept() -> None:
    b = GraphBuilder("net")
    x = b.input((1, 4, 6, 5))
    y = b.conv(x, 8, 3, name="c", groups=2, stride=2)
    y = b.batch_norm(y, name="bn")
    y = b.add("flatten", y, name="f")
    graph = b.build(b.linear(y, 2, name="fc"))
    conv, linear = graph.by_name["c"], graph.by_name["fc"]
    assert dense_macs(graph, conv) == 8 * 2 * 9 * 3 * 3
    assert dense_macs(graph, linear) == 2 * 8 * 9
    assert dense_macs(graph, graph.by_name["f"]) == nonzero_macs(graph, graph.by_name["f"]) == 0
    assert parameter_count(graph) == 8 * 2 * 9 + 2 * 8 + 2 * 72 + 2
    mask = np.zeros((8, 2, 3, 3), dtype=bool)
    mask[:, :, 1] = True
    pruned = graph.with_weights({"c.weight": Weight(graph.weights["c.weight"].values, mask)})
    assert nonzero_macs(pruned, conv) == dense_macs(graph, conv) // 3
