"""Targets for a net with filter types in place: what its dense net made, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from backend.models.filter_types import replace_filter_types
from backend.sparsity.calibration import Calibration, calibrate_layers
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import prunable_layers
from codegen.ir.graph import Graph
from codegen.ir.node import Node


def replace_in_calibration(
    calibration: Calibration,
    candidate: Candidate,
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> tuple[Calibration, Candidate]:
    """Put filter types into a calibrated net and keep what its layers should make.

    The last convolution of a filter type carries the layer's name and so has the layer's own
    targets: least squares of the repair then reconstructs the layer (NPAS phase 2 without its
    training). Convolutions before it have their own start as target, fed by the dense net: they are
    refitted only where masks or layers before them change.

    Args:
        calibration: of the dense net; unchanged.
        candidate: with filter types.
        pattern_sets: by name; the shipped ones when not given.

    Returns:
        A calibration of the new graph, and the candidate without filter types.
    """
    dense = calibration.graph
    graph, rest = replace_filter_types(dense, candidate, pattern_sets=pattern_sets)
    if graph is dense:
        return calibration, candidate
    graph = graph.with_weights(calibration.composites)
    started = frozenset(node.name for node in graph.nodes if dense.by_name.get(node.name) != node)
    kept = [node.name for node in prunable_layers(graph) if node.name in dense.by_name]
    new = [node.name for node in prunable_layers(graph) if node.name not in dense.by_name]
    parts = calibrate_layers(_beside(dense, graph, new), calibration.images, new)
    return (
        replace(
            parts,
            graph=graph,
            positions={
                **{
                    name: calibration.positions[name]
                    for name in kept
                    if name in calibration.positions
                },
                **parts.positions,
            },
            targets={**{name: calibration.targets[name] for name in kept}, **parts.targets},
            sums={name: value for name, value in calibration.sums.items() if name in kept},
            started=started,
        ),
        rest,
    )


def _beside(dense: Graph, graph: Graph, new: list[str]) -> Graph:
    """The dense net with the new convolutions beside its own layers, where nothing reads them."""
    wanted = {name: graph.by_name[name] for name in new}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.name in wanted:
            nodes.append(node)
        else:
            nodes.append(dense.by_name[node.name])
    weights = {key: graph.weights[key] for node in wanted.values() for _, key in node.weight_items}
    return dense.with_weights(weights).with_nodes(nodes)
