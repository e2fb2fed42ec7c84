"""A graph as the rows that the page shows; JSON in between, so that reports can be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backend.services.views import LayerRow, ModelReport, Unsupported
from backend.sparsity.prune import legal_schemes, prunable_layers
from codegen.ir.graph import Graph
from codegen.ir.macs import dense_macs, parameter_count


def report_of(graph: Graph, name: str, title: str) -> ModelReport:
    """Describe a graph that can be compiled."""
    prunable = {node.name for node in prunable_layers(graph)}
    rows = []
    for node in graph.nodes:
        weight = graph.weight(node, "weight")
        sizes = [graph.weights[key].values.size for _, key in node.weight_items]
        rows.append(
            LayerRow(
                name=node.name,
                op=node.op,
                weight_shape=() if weight is None else weight.values.shape,
                output_shape=tuple(node.type.shape[1:]),
                macs=dense_macs(graph, node),
                parameters=sum(sizes),
                legal_schemes=legal_schemes(graph, node) if node.name in prunable else (),
            )
        )
    return ModelReport(
        name=name,
        title=title,
        parameters=parameter_count(graph),
        macs=sum(row.macs for row in rows),
        input_shape=tuple(graph.inputs[0][1].shape[1:]),
        classes=graph.type_of(graph.outputs[0]).shape[-1],
        layers=tuple(rows),
        nodes=len(graph.nodes),
        supported=True,
        unsupported=(),
    )


def to_json(report: ModelReport) -> dict[str, Any]:
    """Plain JSON values of a report."""
    return asdict(report)


def from_json(stored: Mapping[str, Any]) -> ModelReport:
    """The report of `to_json`."""
    return ModelReport(
        **{
            **stored,
            "input_shape": tuple(stored["input_shape"]),
            "layers": tuple(_row(row) for row in stored["layers"]),
            "unsupported": tuple(Unsupported(**item) for item in stored["unsupported"]),
        }
    )


def _row(stored: Mapping[str, Any]) -> LayerRow:
    lists: Sequence[str] = ("weight_shape", "output_shape", "legal_schemes")
    return LayerRow(**{**stored, **{key: tuple(stored[key]) for key in lists}})
