"""Executes a graph node by node, so that weights can change under way."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from backend.models.executor_call import Call
from backend.models.executor_ops import OPERATIONS
from codegen.ir.graph import Graph
from codegen.ir.node import Node


class Run:
    """Executes a graph node by node; weights may be replaced between nodes.

    Values nobody needs any more are let go.
    """

    def __init__(self, graph: Graph, images: Tensor) -> None:
        self.graph = graph
        self.weights = {
            key: torch.from_numpy(weight.values.copy()) for key, weight in graph.weights.items()
        }
        self.values = {graph.inputs[0][0]: images.contiguous(memory_format=torch.channels_last)}
        self._last_use = {source: node.name for node in graph.nodes for source in node.inputs}

    def nodes(self) -> Iterator[Node]:
        """Yield every node before it is executed, in order."""
        for node in self.graph.nodes:
            yield node
            weights = {}
            for role, key in node.weight_items:
                weight = self.weights[key]
                if weight.dim() == 4:
                    weight = weight.contiguous(memory_format=torch.channels_last)
                weights[role] = weight
            taken = [self.values[source] for source in node.inputs]
            with torch.no_grad():
                self.values[node.name] = OPERATIONS[node.op](Call(node, taken, weights, False))
            for source in node.inputs:
                if self._last_use[source] == node.name:
                    self.values.pop(source, None)
