"""What a search is made of, in a form in which a resume can tell what has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.data.image_data import ImageData
from backend.search.space import Space
from codegen.ir.graph import Graph
from codegen.ir.node import Node

TOLD = 3
"""Differences of one part that a message spells out."""


def model_details(name: str, graph: Graph) -> dict[str, Any]:
    """Each node by its name: operation, inputs, and shape and hash of its weights."""
    layers = {node.name: _node_words(graph, node) for node in graph.nodes}
    return {"name": name, "layers": layers}


def data_details(name: str, data: ImageData) -> dict[str, Any]:
    """Name, counts and classes of a data set, and the hash of its content."""
    return {
        "name": name,
        "training images": len(data.train_labels),
        "test images": len(data.test_labels),
        "image shape": "x".join(str(side) for side in data.input_shape),
        "classes": ", ".join(data.classes),
        "content": data.digest[:12],
    }


def space_details(space: Space) -> dict[str, Any]:
    """Labels of each layer's menu."""
    return dict(space.labels)


def differences(part: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What changed in one part, the first few in full: `key: old -> new`.

    Lists are menus: what they lost and what they got is told.
    """
    found = list(_differences("", old, new))
    more = f" and {len(found) - TOLD} more" if len(found) > TOLD else ""
    return f"{part}: {', '.join(found[:TOLD])}{more}"


def _differences(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}, key=str):
        where = f"{path}.{key}" if path else str(key)
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(where, before, after)
        elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
            gone = [str(item) for item in before if item not in after]
            come = [str(item) for item in after if item not in before]
            words = [f"without {_some(gone)}"] if gone else []
            words += [f"with {_some(come)}"] if come else []
            yield f"{where} {' and '.join(words) or 'in another order'}"
        else:
            yield f"{where} {_word(before)} -> {_word(after)}"


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - TOLD} more" if len(items) > TOLD else ""
    return ", ".join(items[:TOLD]) + more


def _word(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list | tuple):
        return f"[{_some([str(item) for item in value])}]"
    return str(value)


def _node_words(graph: Graph, node: Node) -> str:
    digest = hashlib.sha256(repr((sorted(node.attrs.items()), node.inputs)).encode())
    shapes = []
    for role, name in sorted(node.weights.items()):
        values = graph.weights[name].values
        digest.update(role.encode() + values.tobytes())
        shapes.append(f"{role} {'x'.join(str(side) for side in values.shape)}")
    return " ".join([node.op, *shapes, digest.hexdigest()[:8]])
