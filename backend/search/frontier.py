"""The convex front of the additive problem: all minimisers of damage + lambda * cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.search.problem import Table


@dataclass(frozen=True)
class FrontierPoint:
    """One vertex: labels of all layers, with the sums of both tables."""

    labels: Mapping[str, str]
    damage: float
    cost: float


def convex_frontier(damage: Table, cost: Table) -> list[FrontierPoint]:
    """Sweep lambda from 0 to infinity over two additive tables.

    For a fixed lambda each layer chooses alone, so the vertices are found exactly: every layer
    gives the steps of its own lower convex hull, and taking all steps in order of their slope
    (damage per millisecond saved) visits each vertex once. This is the relaxation of the
    multiple-choice knapsack; points inside the hull need the exact DP (papers.md 7.3 step 3).

    Returns:
        Vertices from the least damage to the least cost.
    """
    current = {layer: _cheapest_of_least_damage(damage[layer], cost[layer]) for layer in damage}
    steps: list[tuple[float, str, str]] = []
    for layer, start in current.items():
        hull = _lower_hull(damage[layer], cost[layer], start)
        for before, after in zip(hull, hull[1:], strict=False):
            saved = cost[layer][before] - cost[layer][after]
            slope = (damage[layer][after] - damage[layer][before]) / saved
            steps.append((slope, layer, after))
    steps.sort(key=lambda step: step[0])  # stable: steps of one layer stay in hull order
    points = [_point(current, damage, cost)]
    for _, layer, label in steps:
        current = {**current, layer: label}
        points.append(_point(current, damage, cost))
    return points


def _point(labels: Mapping[str, str], damage: Table, cost: Table) -> FrontierPoint:
    return FrontierPoint(
        dict(labels),
        sum(damage[layer][label] for layer, label in labels.items()),
        sum(cost[layer][label] for layer, label in labels.items()),
    )


def _cheapest_of_least_damage(damage: Mapping[str, float], cost: Mapping[str, float]) -> str:
    return min(damage, key=lambda label: (damage[label], cost[label]))


def _lower_hull(damage: Mapping[str, float], cost: Mapping[str, float], start: str) -> list[str]:
    hull = [start]
    while True:
        here = hull[-1]
        best: tuple[float, float, str] | None = None
        for label in damage:
            saved = cost[here] - cost[label]
            if saved <= 0:
                continue
            slope = (damage[label] - damage[here]) / saved
            step = (slope, -saved, label)
            if best is None or step < best:
                best = step
        if best is None:
            return hull
        hull.append(best[2])
