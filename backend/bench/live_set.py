"""How much room activations need at least: the largest set that is alive at the same time."""

from __future__ import annotations

from codegen.ir.graph import Graph

_VIEWS = frozenset({"reshape", "flatten", "identity", "dropout"})


def largest_live_bytes(graph: Graph) -> int:
    """Bytes of the largest set of f32 activations that one node's run needs in memory.

    A value lives from the node that makes it to its last reader; views share their source's room.
    Paddings, copies and a kernel's own scratch are not counted: this is the floor of an arena.
    """
    owner = {name: name for name, _ in graph.inputs}
    for node in graph.nodes:
        owner[node.name] = owner[node.inputs[0]] if node.op in _VIEWS else node.name
    last: dict[str, int] = {owner[name]: len(graph.nodes) for name in graph.outputs}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            last[owner[source]] = max(last.get(owner[source], 0), index)
    alive = {name: 4 * kind.elements for name, kind in graph.inputs}
    largest = sum(alive.values())
    for index, node in enumerate(graph.nodes):
        if owner[node.name] == node.name:
            alive[node.name] = 4 * node.type.elements
        largest = max(largest, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last.get(name, -1) > index}
    return largest
