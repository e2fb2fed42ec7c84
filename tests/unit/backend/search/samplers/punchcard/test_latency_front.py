"""The exact front against all candidates of small problems with pairwise terms."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.search.samplers.punchcard.latency_front import latency_front
from backend.search.samplers.punchcard.neighbours import Neighbours, coarsened, every_option
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

    kinds = [int(random.integers(1, size + 1)) for size in sizes]
    kind_of = np.concatenate([np.arange(s) % k for s, k in zip(sizes, kinds, strict=True)])
    terms = tuple(times(pair) - (2.0 if whole else 0.3) for pair in itertools.pairwise(kinds))
    damage = random.normal(size=options.columns)  # a draw of effects may be negative
    return Small(options, damage, times(options.columns), Neighbours(kind_of, terms))


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_front_is_that_of_all_candidates_where_times_are_whole_buckets(small: Small) -> None:
    spans = [np.ptp(small.latency[a:b]) for a, b in itertools.pairwise(small.options.starts)]
    width = sum(spans) + sum(np.ptp(term) for term in small.neighbours.terms)
    rows = latency_front(
        small.options, small.damage, small.latency, small.neighbours, buckets=int(width) + 1
    )
    assert np.allclose(small.points(rows), front(small.points(small.all_rows())))


@settings(max_examples=60, deadline=None)
@given(small_problems(whole=False))
def test_point_loses_no_more_than_the_best_one_a_few_buckets_faster(small: Small) -> None:
    buckets = 400
    rows = latency_front(
        small.options, small.damage, small.latency, small.neighbours, buckets=buckets
    )
    found = small.points(rows)
    layers = len(small.options.layers)
    widest = sum(np.ptp(small.latency[a:b]) for a, b in itertools.pairwise(small.options.starts))
    widest += sum(np.ptp(term) for term in small.neighbours.terms)
    slack = (2 * layers - 1) * widest / (buckets - 1) + 1e-9
    for ms, lost in front(small.points(small.all_rows())):
        assert any(a <= ms + slack and b <= lost + 1e-9 for a, b in found)


def test_without_pairwise_terms_every_trade_off_has_its_best_candidate_on_the_front() -> None:
    random = np.random.default_rng(3)
    options = Options(
        tuple(f"l{i}" for i in range(20)), tuple(tuple(map(str, range(70))) for _ in range(20))
    )
    damage, latency = random.random(options.columns), random.random(options.columns)
    rows = latency_front(options, damage, latency, buckets=4096)
    for price in (0.1, 0.5, 1.0, 2.0, 10.0):
        total = damage + price * latency
        best = sum(total[a:b].min() for a, b in itertools.pairwise(options.starts))
        found = total[rows].sum(axis=1).min()
        assert best - 1e-9 <= found <= best + price * 0.05


@settings(max_examples=40, deadline=None)
@given(small_problems())
def test_terms_of_kinds_survive_being_written_out_for_every_option(small: Small) -> None:
    options = small.options
    written = every_option(
        options,
        [
            term[np.ix_(small.neighbours.kind_of[a:b], small.neighbours.kind_of[b:c])]
            for term, (a, b, c) in zip(
                small.neighbours.terms,
                zip(options.starts, options.starts[1:], options.starts[2:], strict=False),
                strict=True,
            )
        ],
    )
    rows = small.all_rows()
    assert np.allclose(written.sums(rows), small.neighbours.sums(rows))
    alone, kinds = coarsened(options, written, small.neighbours.kind_of)
    again = alone[rows].sum(axis=1) + kinds.sums(rows)
    assert np.allclose(again, small.neighbours.sums(rows))


def test_effects_of_one_option_alone_are_not_lost_between_kinds() -> None:
    options = Options(("a", "b"), (("x", "y", "z"), ("u", "v")))
    own = np.array([0.1, 0.2, 0.4])
    exact = every_option(options, [own[:, None] + np.array([[1.0, 2.0]])])
    alone, kinds = coarsened(options, exact, np.zeros(5, dtype=np.int64))
    rows = np.array([[0, 3], [1, 4], [2, 3]])
    assert alone[rows].sum(axis=1) + kinds.sums(rows) == pytest.approx(exact.sums(rows))
