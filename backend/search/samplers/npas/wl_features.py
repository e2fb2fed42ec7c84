"""Weisfeiler-Lehman features: how often each label of a neighbourhood occurs in a net."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Labels = npt.NDArray[np.int64]


def neighbours(nodes: int, edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Neighbours of each node of an undirected graph, each once."""
    found: list[set[int]] = [set() for _ in range(nodes)]
    for one, other in edges:
        if one != other:
            found[one].add(other)
            found[other].add(one)
    return [sorted(nodes) for nodes in found]


def wl_features(labels: Labels, around: Sequence[Sequence[int]], depth: int) -> list[csr_matrix]:
    """Histograms phi_0 .. phi_depth of the labels after so many iterations.

    An iteration gives a node a new label that stands for its own and the sorted labels of its
    neighbours (Shervashidze et al. 2011). All nets share one graph; only their labels differ.

    Args:
        labels: of each node of each net, (nets, nodes), at least 0.
        around: neighbours of each node.
        depth: number of iterations.

    Returns:
        For each number of iterations the counts, (nets, labels).
    """
    nets, nodes = labels.shape
    rows = np.repeat(np.arange(nets), nodes)
    found = []
    for iteration in range(depth + 1):
        if iteration:
            labels = _relabelled(labels, around)
        shape = (nets, int(labels.max()) + 1)
        counts = (np.ones(labels.size), (rows, labels.ravel()))
        found.append(csr_matrix(counts, shape=shape))  # type: ignore[no-untyped-call]
    return found


def _relabelled(labels: Labels, around: Sequence[Sequence[int]]) -> Labels:
    """Numbers of (own label, sorted labels around), equal where these are equal."""
    nets, nodes = labels.shape
    degree = max(map(len, around), default=0)
    # A node without a neighbour is padded with -1, which sorts before every label.
    padded = np.concatenate([labels, np.full((nets, 1), -1)], axis=1)
    places = np.array([[*near, *[nodes] * (degree - len(near))] for near in around], dtype=np.int64)
    nearby = np.sort(padded[:, places.reshape(nodes, degree)], axis=2)
    codes = labels.copy()
    for column in range(degree):
        # Renumbered at each column, so that the product stays far below 2^63.
        codes = codes * (int(nearby.max()) + 2) + nearby[:, :, column] + 1
        codes = np.unique(codes, return_inverse=True)[1].reshape(nets, nodes)
    return codes
