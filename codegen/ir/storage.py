"""A graph as one safetensors file: weights, masks, and the text form in the header."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from codegen.errors import GraphError
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph, print_graph
from codegen.ir.verify import verify_graph
from codegen.ir.weight import Weight

_MASK = "mask::"
_WEIGHT = "weight::"
"""Stands before the keys that would be taken for something else: a stranger chose them."""


def save_graph(graph: Graph, path: Path, *, half: bool = False) -> None:
    """Write a graph so that a reader sees the old file or the whole new one.

    Args:
        graph: what to write.
        path: the file.
        half: store weights of two axes or more as fp16, which halves the file and rounds them
            (relative error up to 2^-11); `load_graph` makes fp32 of them again. Biases and
            batch-norm statistics, which are small and reach further, stay fp32.

    Raises:
        GraphError: a weight is too large for fp16.
    """
    arrays: dict[str, np.ndarray] = {}
    for key, weight in graph.weights.items():
        arrays[_stored_name(key)] = _halved(key, weight) if half else weight.values
        if weight.mask is not None:
            arrays[_MASK + key] = weight.mask
    data = save(arrays, metadata={"graph": print_graph(graph)})
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def load_graph(path: Path) -> Graph:
    """Read and verify a graph.

    Raises:
        GraphError: the file is missing, torn or not a Punchcard graph.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("graph")
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        msg = f"{path.name} is not a readable graph file: {error}"
        raise GraphError(msg) from None
    if text is None:
        msg = f"{path.name} holds weights but no Punchcard graph"
        raise GraphError(msg)
    weights = {}
    for stored, values in arrays.items():
        if not stored.startswith(_MASK):
            key = stored.removeprefix(_WEIGHT)
            mask = arrays.get(_MASK + key)
            if mask is not None and mask.shape != values.shape:
                msg = f"{path.name}: the mask of {key!r} has shape {mask.shape}, not {values.shape}"
                raise GraphError(msg)
            weights[key] = Weight(values, mask)
    graph = parse_graph(text, weights)
    verify_graph(graph)
    return graph


def _halved(key: str, weight: Weight) -> np.ndarray:
    values = weight.values
    if values.ndim < 2:
        return values
    if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
        msg = f"weight {key!r} is too large for fp16: store the graph as fp32"
        raise GraphError(msg)
    return values.astype(np.float16)


def _stored_name(key: str) -> str:
    special = key.startswith((_MASK, _WEIGHT)) or key == "__metadata__"
    return _WEIGHT + key if special else key
