"""Who stands on the front."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.search.front import FrontPoint, Limits, pareto_front, separated_points

POINTS = st.lists(
    st.builds(
        FrontPoint,
        st.integers(0, 99),
        st.integers(0, 10).map(lambda value: value / 10),
        st.integers(1, 10).map(float),
    ),
    max_size=30,
)


@given(POINTS)
def test_front_is_what_nobody_beats(points: list[FrontPoint]) -> None:
    front = pareto_front(points)
    for point in points:
        beaten = any(
            other.accuracy >= point.accuracy
            and other.latency_ms <= point.latency_ms
            and (other.accuracy, other.latency_ms) != (point.accuracy, point.latency_ms)
            for other in points
        )
        stands = any(
            (member.accuracy, member.latency_ms) == (point.accuracy, point.latency_ms)
            for member in front
        )
        assert stands != beaten
    assert [m.latency_ms for m in front] == sorted({m.latency_ms for m in front})


def test_points_over_a_limit_are_left_out_and_told_by_how_much() -> None:
    limits = Limits(latency_ms=2.0, accuracy=0.5, size_bytes=100)
    good, slow, bad = (
        FrontPoint(0, 0.6, 1.5, 90),
        FrontPoint(1, 0.9, 2.5, 90),
        FrontPoint(2, 0.4, 1.0, 101),
    )
    assert pareto_front([good, slow, bad], limits) == [good]
    assert limits.violations(slow)["latency_ms"] == 0.5
    assert limits.violations(bad)["size_bytes"] == 1.0
    assert limits.violations(good)["accuracy"] < 0
    assert Limits().violations(slow) == {}


def test_points_closer_than_one_standard_error_count_once() -> None:
    assert separated_points([0.90, 0.905, 0.912, 0.92], 0.006) == 3
    assert separated_points([], 0.006) == 0
