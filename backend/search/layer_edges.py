"""Which searched layers feed each other, past everything that is not searched."""

from __future__ import annotations

from collections.abc import Collection

from codegen.ir.graph import Graph


def layer_edges(graph: Graph, layers: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Pairs (from, to) of layers with a path between them on which no other layer lies.

    In a net without branches that is the chain; a residual sum also joins the layer behind it to
    the one before the block.

    Args:
        graph: the net.
        layers: names of its searched nodes.

    Returns:
        Pairs in the order of the graph.
    """
    wanted = set(layers)
    feeding: dict[str, tuple[str, ...]] = {name: () for name, _ in graph.inputs}
    edges: list[tuple[str, str]] = []
    for node in graph.nodes:
        sources = tuple(dict.fromkeys(s for value in node.inputs for s in feeding.get(value, ())))
        if node.name in wanted:
            edges += [(source, node.name) for source in sources]
            sources = (node.name,)
        feeding[node.name] = sources
    return tuple(edges)
