"""Executes a graph node by node, so that weights can change under way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from math import prod

import numpy as np
import torch
from torch import Tensor

from backend.models.executor_call import Call
from backend.models.executor_ops import OPERATIONS
from codegen.ir.batch import keeps_batch
from codegen.ir.graph import Graph
from codegen.ir.node import Node

_CHUNK_BYTES = 1 << 26
"""Images are executed in parts of about so much output, so that what an operation needs beside its
output stays small."""

_FILE_FROM = 1 << 29
"""A value of so many bytes lies in a temporary file: pages that are not read leave the memory."""


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
        self._images = len(images)
        self._keeps_batch = keeps_batch(graph)

    def nodes(self) -> Iterator[Node]:
        """Yield every node before it is executed, in order."""
        for node in self.graph.nodes:
            yield node
            self.values[node.name] = self._execute(node)
            for source in node.inputs:
                if self._last_use[source] == node.name:
                    self.values.pop(source, None)

    def image_parts(self, name: str) -> Iterator[slice]:
        """Slices of images that keep a value of this size small."""
        bytes_of_image = 4 * prod(self.graph.type_of(name).shape)
        step = max(1, _CHUNK_BYTES // max(1, bytes_of_image)) if self._keeps_batch else 1
        for start in range(0, self._images, step):
            yield slice(start, min(start + step, self._images))

    @torch.no_grad()
    def _execute(self, node: Node) -> Tensor:
        weights = {}
        for role, key in node.weight_items:
            weight = self.weights[key]
            if weight.dim() == 4:
                weight = weight.contiguous(memory_format=torch.channels_last)
            weights[role] = weight
        taken = [self.values[source] for source in node.inputs]
        largest = max((node.name, *node.inputs), key=lambda name: prod(self._shape(name)))
        parts = list(self.image_parts(largest))
        # a value without an axis of images (a constant) is handed on whole
        alike = [self._has_images(name) for name in node.inputs]
        if len(parts) == 1 or not any(alike):
            return OPERATIONS[node.op](Call(node, taken, weights, False))
        stored: Tensor | None = None
        for part in parts:
            given = [value[part] if own else value for value, own in zip(taken, alike, strict=True)]
            made = OPERATIONS[node.op](Call(node, given, weights, False))
            if stored is None:
                stored = _room(made, self._images)
            stored[part] = made
        assert stored is not None
        return stored

    def _has_images(self, name: str) -> bool:
        value = self.values[name]
        return value.dim() > 0 and len(value) == self._images and self._shape(name)[0] == 1

    def _shape(self, name: str) -> tuple[int, ...]:
        return self.graph.type_of(name).shape


def _room(first: Tensor, images: int) -> Tensor:
    """An empty value for all images, in memory or in a file, pictures with channels last."""
    shape = (images, *first.shape[1:])
    is_picture = len(shape) == 4
    if is_picture:
        shape = (shape[0], shape[2], shape[3], shape[1])
    if first.element_size() * prod(shape) < _FILE_FROM or first.dtype != torch.float32:
        room = torch.empty(shape, dtype=first.dtype)
    else:
        with tempfile.TemporaryFile(prefix="punchcard-value-") as file:
            # the mapping keeps the file alive, which has no name any more
            room = torch.from_numpy(np.memmap(file, np.float32, "w+", shape=shape))
    return room.permute(0, 3, 1, 2) if is_picture else room
