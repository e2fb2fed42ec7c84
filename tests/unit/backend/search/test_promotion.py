"""Successive halving on two objectives, against definitions written out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.search.promotion import RungPoint, next_promotion, ranking

POINTS = st.lists(
    st.tuples(
        st.integers(1, 30).map(lambda n: n / 10),
        st.integers(1, 30).map(lambda n: n / 10),
        st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.5]),
    ),
    max_size=25,
).map(lambda rows: [RungPoint(n, *row) for n, row in enumerate(rows)])


def dominates(a: RungPoint, b: RungPoint) -> bool:
    no_worse = a.loss <= b.loss and a.latency_ms <= b.latency_ms
    return no_worse and (a.loss < b.loss or a.latency_ms < b.latency_ms)


@given(POINTS)
def test_nobody_stands_behind_a_point_it_dominates(points: list[RungPoint]) -> None:
    ranked = ranking(points)
    assert sorted(p.number for p in ranked) == sorted(p.number for p in points)
    feasible = [p for p in ranked if p.violation <= 0]
    assert ranked[: len(feasible)] == feasible
    over = [p.violation for p in ranked[len(feasible) :]]
    assert over == sorted(over)
    for index, point in enumerate(feasible):
        assert not any(dominates(later, point) for later in feasible[index + 1 :])


def test_layers_of_a_known_set() -> None:
    points = [
        RungPoint(0, 1.0, 1.0),
        RungPoint(1, 0.5, 2.0),
        RungPoint(2, 0.1, 4.0),
        RungPoint(3, 1.1, 1.5),
        RungPoint(4, 0.6, 3.0),
        RungPoint(5, 2.0, 5.0),
        RungPoint(6, 0.05, 0.5, violation=0.2),
    ]
    numbers = [p.number for p in ranking(points)]
    assert set(numbers[:3]) == {0, 1, 2}
    assert numbers[2] == 1  # the ends before the middle
    assert set(numbers[3:5]) == {3, 4}
    assert numbers[5:] == [5, 6]


@given(POINTS, st.integers(1, 4))
def test_promotions_follow_one_after_another_and_stop_at_the_share(
    points: list[RungPoint], one_of: int
) -> None:
    begun: dict[int, set[int]] = {1: set()}
    while (chosen := next_promotion([points], begun, one_of)) is not None:
        number, rung = chosen
        assert rung == 1
        assert number not in begun[1]
        begun[1].add(number)
    assert begun[1] == {p.number for p in ranking(points)[: len(points) // one_of]}


def test_highest_rung_is_asked_first() -> None:
    low = [RungPoint(n, 1.0 - n / 10, 1.0 + n) for n in range(9)]
    best = [point.number for point in ranking(low)][:3]
    high = [RungPoint(n, 0.5, 1.0) for n in best[:1]] + [RungPoint(n, 0.9, 3.0) for n in best[1:]]
    assert next_promotion([low, high], {1: set(best)}, 3) == (best[0], 2)
    assert next_promotion([low, high], {1: set(best), 2: set(best[:1])}, 3) is None
    assert next_promotion([low, high], {1: set(best[:2]), 2: set(best[:1])}, 3) == (best[2], 1)
    assert next_promotion([[], []], {}, 3) is None
