"""Second moments of every layer of a dense net: measured once, used for all its choices.

Inputs and targets are both the dense net's, so that what is found for one layer fits beside
whatever the others choose (SPDY's database; Frantar and Alistarh, ICML 2022, section 3.3).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from backend.reconstruction.store import LayerStore
from backend.sparsity.aim import Aim
from backend.sparsity.calibration import calibrate
from backend.sparsity.follower import absorber
from backend.sparsity.layer_fit import LayerFit
from backend.sparsity.moments import Moments
from backend.sparsity.prune import prunable_layers
from backend.sparsity.run import Run
from codegen.ir.graph import Graph
from codegen.ir.node import Node

_FIELDS = ("gram", "cross", "input_mean", "target_mean", "ridge", "energy")


def why_not_fitted(node: Node) -> str | None:
    """Why a layer has no least-squares problem of its own, in words, or None where it has."""
    if len(node.inputs) > 1:
        return "its bias is computed by the net"
    if node.text("activation") != "none":
        return "its activation is part of it"
    return None


class LayerMoments:
    """Moments by layer, from the store or by one walk of the dense net.

    Args:
        graph: the dense net.
        store: keeps what was measured.
        images: gives normalised calibration images, float (n, c, h, w); asked only for a walk.
    """

    def __init__(self, graph: Graph, store: LayerStore, images: Callable[[], Tensor]) -> None:
        self._graph = graph
        self._store = store
        self._images = images
        self._known: dict[str, Moments] = {}
        self._lock = threading.Lock()

    def of(self, layer: str) -> Moments | None:
        """Moments of a layer, or None where it has no problem of its own (`why_not_fitted`)."""
        if why_not_fitted(self._graph.by_name[layer]) is not None:
            return None
        with self._lock:
            found = self._known.get(layer)
            if found is None:
                found = self._stored(layer)
            if found is None:
                self._measure()
                found = self._known[layer]
            self._known[layer] = found
        return found

    def _stored(self, layer: str) -> Moments | None:
        arrays = self._store.moments(layer)
        if arrays is None or set(arrays) != set(_FIELDS):
            return None
        return Moments(**{name: torch.from_numpy(arrays[name]) for name in _FIELDS})

    def _measure(self) -> None:
        calibration = calibrate(self._graph, self._images())
        wanted = {node.name for node in prunable_layers(self._graph) if not why_not_fitted(node)}
        run = Run(self._graph, calibration.images)
        for node in run.nodes():
            if node.name not in wanted:
                continue
            fit = LayerFit(
                node,
                run.values[node.inputs[0]],
                run.weights[node.weights["weight"]],
                calibration.positions.get(node.name),
                Aim(calibration.targets[node.name]),
                centred=absorber(self._graph, node) is not None,
            )
            moments = fit.moments
            self._known[node.name] = moments
            arrays = {name: getattr(moments, name).numpy() for name in _FIELDS}
            self._store.put_moments(node.name, arrays)
