"""Folds padding with zeros into the convolution behind it."""

from __future__ import annotations

from dataclasses import replace

from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes.rewiring import rewire, sole_user, until_settled


def fold_padding(graph: Graph) -> Graph:
    """Exporters of frameworks that pad unevenly write a pad before each strided convolution.

    Folds where the convolution is the pad's only reader and reads it as its picture.
    """
    return until_settled(graph, _fold_once)  # a pad may follow another


def _fold_once(graph: Graph) -> Graph:
    folded: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for pad in graph.nodes:
        conv = sole_user(graph, pad.name)
        if conv is None or conv.op != "conv" or not _adds_zeros(pad):
            continue
        given, own = pad.integers("padding"), conv.integers("padding")
        if len(given) != len(own) or pad.name in conv.inputs[1:]:
            continue
        padding = tuple(one + other for one, other in zip(given, own, strict=True))
        items = tuple(sorted({**conv.attrs, "padding": padding}.items()))
        folded[conv.name] = replace(conv, attr_items=items)
        renamed[pad.name] = pad.inputs[0]
    nodes = [folded.get(node.name, node) for node in graph.nodes if node.name not in renamed]
    return rewire(graph, nodes, renamed)


def _adds_zeros(node: Node) -> bool:
    return node.op == "pad" and node.text("mode") == "constant" and node.number("value") == 0.0
