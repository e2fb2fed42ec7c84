"""Numbers carry their unit and always the same decimals."""

from datetime import UTC, datetime, timedelta

import pytest

from app.viewmodels import numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numbers.percent(0.9081), "90.81 %"),
        (numbers.percent(None), "–"),
        (numbers.points(-0.0064), "−0.64 pt"),
        (numbers.points(0.01), "+1.00 pt"),
        (numbers.milliseconds(2.3149), "2.315 ms"),
        (numbers.times(2.25), "2.25×"),
        (numbers.count(10000), "10\u202f000"),
        (numbers.big(40_813_184), "40.81 M"),
        (numbers.big(900), "900"),
        (numbers.size(262_400), "262.4 kB"),
        (numbers.size(1_080_000), "1.08 MB"),
        (numbers.duration(59.4), "59 s"),
        (numbers.duration(200), "3 min 20 s"),
        (numbers.duration(3780), "1 h 03 min"),
        (numbers.error_size(2.4e-6), "2.4e-06"),
    ],
)
def test_number_is_shown_with_unit(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("eta_s", "finished", "expected"),
    [
        (None, 9, "estimating"),
        (60.0, 2, "estimating"),
        (60.0, 3, "48 – 78 s"),
        (420.0, 9, "6 – 10 min"),
        (36_000.0, 9, "8.0 – 13.0 h"),
    ],
)
def test_time_left_is_a_range_after_three_candidates(
    eta_s: float | None, finished: int, expected: str
) -> None:
    assert numbers.time_left(eta_s, finished) == expected


def test_ago_counts_in_the_largest_whole_unit() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert numbers.ago(None) == "never"
    assert numbers.ago(now - timedelta(seconds=5), now) == "just now"
    assert numbers.ago(now - timedelta(minutes=4), now) == "4 min ago"
    assert numbers.ago(now - timedelta(hours=3), now) == "3 h ago"
    assert numbers.ago(now - timedelta(days=2), now) == "2 d ago"
