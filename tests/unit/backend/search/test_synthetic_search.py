"""The synthetic problem that samplers are compared on is what it says it is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.fixtures.synthetic_search import DENSE_ACCURACY, SyntheticSearch


def test_space_and_tables_have_nineteen_options_in_twenty_layers() -> None:
    search = SyntheticSearch()
    problem = search.problem()
    assert len(problem.space.layers) == 20
    for table in (problem.damage, problem.cost):
        assert all(list(row) == search.labels and len(row) == 19 for row in table.values())


def test_result_follows_from_problem_and_candidate_alone() -> None:
    labels = SyntheticSearch(3).space.draw(np.random.default_rng(0))
    assert SyntheticSearch(3).evaluate(labels) == SyntheticSearch(3).evaluate(labels)
    assert SyntheticSearch(3).evaluate(labels) != SyntheticSearch(4).evaluate(labels)
    exact = SyntheticSearch(3, noise=0.0)
    assert exact.evaluate(labels) == exact.truth(labels)


def test_no_candidate_of_a_small_problem_beats_its_front() -> None:
    """Against every candidate of three layers: the front's corners are on the convex hull."""
    search = SyntheticSearch(1, layers=3)
    rows = itertools.product(search.labels, repeat=3)
    points = np.array([search.truth(dict(zip(search.space.layers, r, strict=True))) for r in rows])
    for accuracy, latency_ms in search.best_front:
        better = (points[:, 0] > accuracy + 1e-12) & (points[:, 1] < latency_ms - 1e-12)
        assert not better.any()
    assert search.best_front[-1][0] == DENSE_ACCURACY


def test_hypervolume_is_a_share_of_the_best_front() -> None:
    shares = []
    for seed in range(3):
        search = SyntheticSearch(seed)
        random = np.random.default_rng(seed)
        shares.append(search.hypervolume(search.space.draw(random) for _ in range(60)))
        dense = dict.fromkeys(search.space.layers, "dense")
        assert search.hypervolume([dense]) == 0.0
    assert 0.25 < np.mean(shares) < 0.5


@pytest.mark.parametrize(("error", "low", "high"), [(0.25, 0.8, 1.0), (4.0, -0.4, 0.6)])
def test_damage_table_errs_as_asked(error: float, low: float, high: float) -> None:
    found = []
    for seed in range(3):
        search = SyntheticSearch(seed, proxy_error=error)
        problem = search.problem()
        random = np.random.default_rng(seed)
        drawn = [search.space.draw(random) for _ in range(200)]
        guess = [sum(problem.damage[name][label] for name, label in d.items()) for d in drawn]
        lost = [-search.truth(d)[0] for d in drawn]
        found.append(np.corrcoef(np.argsort(np.argsort(guess)), np.argsort(np.argsort(lost)))[0, 1])
    assert low < np.mean(found) < high
