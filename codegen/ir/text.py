"""The text form of a graph: one line a node, read back to the same graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from codegen.errors import GraphError
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.node import AttrValue, Node
from codegen.ir.ops import OPS
from codegen.ir.tensor import TensorType
from codegen.ir.weight import Weight

_VERSION = "punchcard graph 1"


def print_graph(graph: Graph) -> str:
    """Text of everything but weight values; the shape of each weight stands at its use."""
    return "\n".join(_lines(graph)) + "\n"


def parse_graph(text: str, weights: Mapping[str, Weight]) -> Graph:
    """Read what `print_graph` wrote, with the weights stored beside it.

    Raises:
        GraphError: the text is not of this version or a line cannot be read.
    """
    lines = text.splitlines()
    if not lines or lines[0] != _VERSION:
        msg = f"this is not a graph of the version {_VERSION!r}"
        raise GraphError(msg)
    head: dict[str, Any] = {}
    inputs: list[tuple[str, TensorType]] = []
    nodes: list[Node] = []
    for number, line in enumerate(lines[1:], start=2):
        word, _, rest = line.partition(" ")
        try:
            item = json.loads(rest)
            if word == "input":
                inputs.append((_text(item[0]), TensorType.parse(_text(item[1]))))
            elif word == "node":
                nodes.append(_read_node(item))
            else:
                head[word] = _HEADS[word](item)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            msg = f"line {number} of the graph's text cannot be read: {error}"
            raise GraphError(msg) from None
    return Graph(
        name=head.get("name", ""),
        inputs=tuple(inputs),
        outputs=head.get("outputs", ()),
        nodes=tuple(nodes),
        weights=weights,
        preprocessing=head.get("preprocessing"),
        classes=head.get("classes", ()),
    )


def _lines(graph: Graph) -> Iterator[str]:
    yield _VERSION
    yield f"name {json.dumps(graph.name)}"
    if graph.preprocessing:
        pair = [list(graph.preprocessing.mean), list(graph.preprocessing.std)]
        yield f"preprocessing {json.dumps(pair)}"
    if graph.classes:
        yield f"classes {json.dumps(list(graph.classes))}"
    for name, tensor_type in graph.inputs:
        yield f"input {json.dumps([name, str(tensor_type)])}"
    for node in graph.nodes:
        weights = [
            [role, key, list(graph.weights[key].values.shape)] for role, key in node.weight_items
        ]
        parts = [node.name, node.op, list(node.inputs), node.attrs, weights, str(node.type)]
        yield f"node {json.dumps(parts)}"
    yield f"outputs {json.dumps(list(graph.outputs))}"


def _read_node(item: list[Any]) -> Node:
    name, op, inputs, attrs, weights, tensor_type = item
    if op in OPS:
        # A graph stored before an attribute came up means its default.
        later = {key: value for key, value in OPS[op].attrs.items() if value is not None}
        attrs = {**later, **attrs}
    return Node(
        name=_text(name),
        op=_text(op),
        inputs=_texts(inputs),
        type=TensorType.parse(_text(tensor_type)),
        attr_items=tuple(sorted((key, _read_attr(value)) for key, value in attrs.items())),
        weight_items=tuple((_text(role), _text(key)) for role, key, _ in weights),
    )


def _read_attr(value: Any) -> AttrValue:  # noqa: ANN401 - JSON
    if isinstance(value, tuple):
        return value
    if isinstance(value, list):
        return _numbers(value)
    if not isinstance(value, str | int | float):
        msg = f"{value!r} is no attribute"
        raise TypeError(msg)
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(value, str):
        msg = f"{value!r} is no text"
        raise TypeError(msg)
    return value


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    if not isinstance(value, list):
        msg = f"{value!r} is no list"
        raise TypeError(msg)
    return tuple(map(_text, value))


def _numbers(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
    if not isinstance(value, list) or not all(isinstance(item, int | float) for item in value):
        msg = f"{value!r} is no list of numbers"
        raise TypeError(msg)
    return tuple(value)


def _preprocessing(value: Any) -> Preprocessing:  # noqa: ANN401 - JSON
    mean, std = value
    return Preprocessing(_numbers(mean), _numbers(std))


_HEADS: Mapping[str, Callable[[Any], Any]] = {
    "name": _text,
    "preprocessing": _preprocessing,
    "classes": _texts,
    "outputs": _texts,
}
