"""How much a new point adds to the volume that a set of points dominates; all minimised."""

from __future__ import annotations

import numpy as np

from backend.search.samplers.punchcard.options import FloatArray, IntArray

DIRECTIONS = 128
"""Rays on which the volume over three and more objectives is taken."""


def gains(pool: FloatArray, points: FloatArray, reference: FloatArray) -> FloatArray:
    """Hypervolume that each point of a pool would add alone.

    Exact for one and two objectives. For more it is the mean over fixed rays from the reference
    point of how much farther a point reaches (hypervolume scalarisation, Zhang and Golovin 2020),
    which orders points alike and needs no box decomposition.

    Args:
        pool: (..., objectives), minimised.
        points: (n, objectives) what is there already.
        reference: (objectives,) what is not better than this in every objective counts nothing.

    Returns:
        (...), 0 where a point adds nothing.
    """
    objectives = reference.size
    flat = pool.reshape(-1, objectives)
    if objectives == 1:
        best = min(float(points.min(initial=np.inf)), float(reference[0]))
        added = np.maximum(best - flat[:, 0], 0.0)
    elif objectives == 2:
        added = _gains_2d(flat, points, reference)
    else:
        added = _gains_by_rays(flat, points, reference)
    return added.reshape(pool.shape[:-1])


def front_2d(first: FloatArray, second: FloatArray) -> IntArray:
    """Numbers of the points that no other beats, by the first objective; one of equal ones."""
    order = np.lexsort((second, first))
    before = np.minimum.accumulate(np.concatenate([[np.inf], second[order][:-1]]))
    return order[second[order] < before]


def _gains_2d(pool: FloatArray, points: FloatArray, reference: FloatArray) -> FloatArray:
    """Area between a point and the staircase of the others, step by step."""
    inside = points[(points < reference).all(axis=1)]
    front = inside[front_2d(*inside.T)]
    left = np.concatenate([[-np.inf], front[:, 0]])
    right = np.concatenate([front[:, 0], reference[:1]])
    height = np.concatenate([reference[1:], front[:, 1]])
    area = np.zeros(pool.shape[0])
    first, second = pool.T.copy()
    for start, end, top in zip(left, right, height, strict=True):
        wide = np.maximum(end - np.maximum(first, start), 0.0)
        area += wide * np.maximum(top - second, 0.0)
    return area


def _gains_by_rays(pool: FloatArray, points: FloatArray, reference: FloatArray) -> FloatArray:
    objectives = reference.size
    normal = np.random.default_rng(0).normal(size=(DIRECTIONS, objectives))
    rays = np.abs(normal) / np.linalg.norm(normal, axis=1, keepdims=True)

    def reach(values: FloatArray) -> FloatArray:
        scaled = (reference - values)[:, None, :] / rays
        far: FloatArray = np.maximum(scaled.min(axis=2), 0.0) ** objectives
        return far

    best = reach(points).max(axis=0, initial=0.0)
    added: FloatArray = np.maximum(reach(pool) - best, 0.0).mean(axis=1)
    return added
