"""The exact front against all candidates of small problems with pairwise terms."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.search.samplers.punchcard.latency_front import latency_front
from backend.search.samplers.punchcard.neighbours import Neighbours, no_neighbours
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options


@dataclass(frozen=True)
class Small:
    options: Options
    damage: FloatArray
    latency: FloatArray
    neighbours: Neighbours

    def all_rows(self) -> IntArray:
        starts = self.options.starts
        menus = [range(a, b) for a, b in itertools.pairwise(starts)]
        return np.array(list(itertools.product(*menus)))

    def points(self, rows: IntArray) -> list[tuple[float, float]]:
        ms = self.latency[rows].sum(axis=1) + self.neighbours.sums(rows)
        return list(zip(ms.tolist(), self.damage[rows].sum(axis=1).tolist(), strict=True))


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for ms, lost in sorted(points):
        if not found or lost < found[-1][1] - 1e-9:
            found.append((ms, lost))
    return found


@st.composite
def small_problems(draw: st.DrawFn, whole: bool = True) -> Small:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    options = Options(
        tuple(f"l{i}" for i in range(len(sizes))),
        tuple(tuple(f"o{j}" for j in range(size)) for size in sizes),
    )

    def times(shape: int | tuple[int, int]) -> FloatArray:
        return random.integers(0, 9, shape).astype(float) if whole else random.random(shape)

    # Often several options have the same terms, so that they share a state.
    kinds = [int(random.integers(1, size + 1)) for size in sizes]
    terms = tuple(
        (times((kinds[i], kinds[i + 1])) - (2.0 if whole else 0.3))[
            np.ix_(np.arange(sizes[i]) % kinds[i], np.arange(sizes[i + 1]) % kinds[i + 1])
        ]
        for i in range(len(sizes) - 1)
    )
    damage = random.normal(size=options.columns)  # a draw of effects may be negative
    return Small(options, damage, times(options.columns), Neighbours(options, terms))


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_front_is_that_of_all_candidates_where_times_are_whole_buckets(small: Small) -> None:
    rows = latency_front(small.options, small.damage, small.latency, small.neighbours, step=1.0)
    assert np.allclose(small.points(rows), front(small.points(small.all_rows())))


@settings(max_examples=60, deadline=None)
@given(small_problems(whole=False))
def test_point_loses_no_more_than_the_best_one_a_few_buckets_faster(small: Small) -> None:
    step = 0.01
    rows = latency_front(small.options, small.damage, small.latency, small.neighbours, step=step)
    found = small.points(rows)
    layers = len(small.options.layers)
    slack = (2 * layers - 1) * step + 1e-9
    for ms, lost in front(small.points(small.all_rows())):
        assert any(a <= ms + slack and b <= lost + 1e-9 for a, b in found)


def test_without_pairwise_terms_every_trade_off_has_its_best_candidate_on_the_front() -> None:
    random = np.random.default_rng(3)
    options = Options(
        tuple(f"l{i}" for i in range(20)), tuple(tuple(map(str, range(70))) for _ in range(20))
    )
    damage, latency = random.random(options.columns), random.random(options.columns)
    rows = latency_front(options, damage, latency, step=0.001)
    for price in (0.1, 0.5, 1.0, 2.0, 10.0):
        total = damage + price * latency
        best = sum(total[a:b].min() for a, b in itertools.pairwise(options.starts))
        found = total[rows].sum(axis=1).min()
        assert best - 1e-9 <= found <= best + price * 0.05


def test_problem_without_terms_is_the_additive_one() -> None:
    random = np.random.default_rng(5)
    options = Options(("a", "b", "c"), (("x", "y", "z"),) * 3)
    damage, latency = random.random(9), random.random(9)
    plain = latency_front(options, damage, latency)
    assert np.array_equal(plain, latency_front(options, damage, latency, no_neighbours(options)))


def test_full_menu_with_terms_between_all_options_takes_little() -> None:
    """No time is asserted; with a state for each option it must stay usable in a test."""
    random = np.random.default_rng(1)
    options = Options(
        tuple(f"l{i}" for i in range(20)), tuple(tuple(map(str, range(70))) for _ in range(20))
    )
    damage, latency = random.random(options.columns), random.random(options.columns)
    terms = tuple(0.1 * random.random((70, 70)) for _ in range(19))
    rows = latency_front(options, damage, latency, Neighbours(options, terms))
    assert rows.shape[0] > 50
