"""Each rule of the IR has a graph that breaks it, and the message names the place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from codegen.errors import GraphError
from codegen.ir import Graph, GraphBuilder, TensorType, Weight, verify_graph
from codegen.ir.node import Node


def graph() -> Graph:
    b = GraphBuilder("net")
    x = b.input((1, 2, 4, 4), "x")
    y = b.conv(x, 3, 3, name="conv", bias=True)
    return b.build(b.add("relu", y, name="act"))


def change(old: Graph, name: str, /, **changed: object) -> Graph:
    nodes = tuple(
        replace(node, **changed) if node.name == name else node  # type: ignore[arg-type]
        for node in old.nodes
    )
    return replace(old, nodes=nodes)


def without_attr(node: Node, key: str) -> tuple[tuple[str, object], ...]:
    return tuple(item for item in node.attr_items if item[0] != key)


def with_attr(name: str, key: str, value: object) -> Callable[[Graph], Graph]:
    def make(g: Graph) -> Graph:
        items = tuple(sorted({**g.by_name[name].attrs, key: value}.items()))
        return change(g, name, attr_items=items)

    return make


BROKEN: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "input named twice": (lambda g: replace(g, inputs=g.inputs * 2), "'x' is used twice"),
    "empty axis": (
        lambda g: replace(g, inputs=(("x", TensorType((1, 2, 0, 4))),)),
        "every axis must be positive",
    ),
    "node named like an input": (lambda g: change(g, "act", name="x"), "'x' is used twice"),
    "wrong order": (lambda g: replace(g, nodes=g.nodes[::-1]), "'act' reads 'conv'"),
    "absent input": (lambda g: change(g, "act", inputs=("nowhere",)), "reads 'nowhere'"),
    "absent weight": (
        lambda g: replace(g, weights={"conv.weight": g.weights["conv.weight"]}),
        "'conv.bias', which is not stored",
    ),
    "stray weight": (lambda g: g.with_weights({"stray": Weight(np.ones(1))}), "'stray'"),
    "absent output": (lambda g: replace(g, outputs=("gone",)), "output 'gone'"),
    "unknown operation": (
        lambda g: change(g, "act", op="attention_free"),
        "no operation 'attention_free'",
    ),
    "too many inputs": (lambda g: change(g, "act", inputs=("conv", "conv")), "takes 1 to 1"),
    "unknown attribute": (with_attr("act", "slope", 1), "no attribute 'slope'"),
    "attribute left out": (
        lambda g: change(g, "conv", attr_items=without_attr(g.by_name["conv"], "groups")),
        "'conv' (conv) is not what its parts say",
    ),
    "wrong type": (
        lambda g: change(g, "act", type=TensorType((1, 3, 4, 5))),
        "'act' (relu) is not what its parts say",
    ),
    "role missing": (
        lambda g: change(g, "conv", weight_items=(("bias", "conv.bias"),)),
        "takes the weights",
    ),
    "role unknown": (
        lambda g: change(g, "act", weight_items=(("weight", "conv.weight"),)),
        "takes the weights",
    ),
    "weight of another shape": (
        lambda g: g.with_weights({"conv.weight": Weight(np.ones((3, 5, 3, 3)))}),
        "does not fit an input of 2 channels",
    ),
    "bias of another shape": (
        lambda g: g.with_weights({"conv.bias": Weight(np.ones(4))}),
        "does not fit 3 filters",
    ),
    "filter of two axes": (
        lambda g: g.with_weights({"conv.weight": Weight(np.ones((3, 2)))}),
        "'conv' (conv)",
    ),
    "padding of three": (with_attr("conv", "padding", (1, 1, 1)), "'conv' (conv)"),
    "stride of zero": (with_attr("conv", "stride", (0, 1)), "'conv' (conv)"),
    "window larger than the picture": (
        with_attr("conv", "dilation", (9, 9)),
        "a window of 19 does not fit into 4 pixels",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_found_and_named(rule: str) -> None:
    break_it, words = BROKEN[rule]
    verify_graph(graph())
    with pytest.raises(GraphError) as caught:
        verify_graph(break_it(graph()))
    assert words in str(caught.value)


def test_two_equal_graphs_have_one_digest_and_a_mask_changes_it() -> None:
    first, second = graph(), graph()
    assert first == second
    assert hash(first) == hash(second)
    weight = first.weights["conv.weight"]
    masked = first.with_weights({"conv.weight": Weight(weight.values, np.ones_like(weight.values))})
    assert masked != first
    assert masked.structure_digest == first.structure_digest


def test_a_mask_zeroes_its_weight_and_arrays_cannot_be_written() -> None:
    weight = Weight(np.ones((2, 2)), np.array([[True, False], [True, True]]))
    assert weight.nonzeros == 3
    assert weight.rate == pytest.approx(4 / 3)
    with pytest.raises(ValueError, match="read-only"):
        weight.values[0, 0] = 2
    with pytest.raises(GraphError, match="mask has shape"):
        Weight(np.ones((2, 2)), np.ones(4, dtype=bool))
    assert Weight(np.zeros(3)).rate == float("inf")


def test_readers_of_a_value_are_told_once_each() -> None:
    b = GraphBuilder("net")
    x = b.input((1, 2), "x")
    y = b.add("add", x, x, name="twice")
    g = b.build(b.add("mul", y, x, name="end"))
    assert [node.name for node in g.users["x"]] == ["twice", "end"]
    assert g.users["end"] == ()
    with pytest.raises(GraphError, match="no value 'z'"):
        g.type_of("z")
