"""The lambda sweep against all candidates of small problems."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.search.frontier import convex_frontier

NUMBER = st.floats(0.0, 10.0, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    layers = [f"l{index}" for index in range(draw(st.integers(1, 4)))]
    options = [f"o{index}" for index in range(draw(st.integers(1, 4)))]
    damage = {layer: {option: draw(NUMBER) for option in options} for layer in layers}
    cost = {layer: {option: draw(NUMBER) for option in options} for layer in layers}
    return damage, cost


@settings(max_examples=60, deadline=None)
@given(tables(), st.floats(0.01, 100.0))
def test_each_lambda_has_its_best_candidate_on_the_front(
    pair: tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]], weight: float
) -> None:
    damage, cost = pair
    layers = list(damage)
    best = min(
        sum(damage[n][o] + weight * cost[n][o] for n, o in zip(layers, choice, strict=True))
        for choice in itertools.product(*(damage[name] for name in layers))
    )
    found = min(point.damage + weight * point.cost for point in convex_frontier(damage, cost))
    assert np.isclose(found, best)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_front_runs_from_least_damage_to_least_cost(
    pair: tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]],
) -> None:
    damage, cost = pair
    points = convex_frontier(damage, cost)
    assert np.isclose(points[0].damage, sum(min(row.values()) for row in damage.values()))
    assert np.isclose(points[-1].cost, sum(min(row.values()) for row in cost.values()))
    costs = [point.cost for point in points]
    assert costs == sorted(costs, reverse=True)
    assert all(b.damage >= a.damage - 1e-9 for a, b in itertools.pairwise(points))
