"""Schedules follow from the zeros found in the weights."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.errors import ScheduleError
from codegen.schedules.group_schedule import plan_groups
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import load_target

AVX512 = load_target("x86_64-avx512")
AVX2 = load_target("x86_64-avx2")


def _shared(filters: int, columns: int, width: int, kept: float) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.repeat(random.random((filters // width, columns)) < kept, width, axis=0)


def test_dense_layers_keep_their_order_and_take_the_widest_group() -> None:
    plan = plan_groups(np.ones((32, 144), dtype=np.bool_), 1, 51, AVX512)
    assert plan.schedule == Schedule("grouped", 8, 3, "natural")
    assert plan_groups(np.ones((32, 144), dtype=np.bool_), 1, 102, AVX2).schedule.rows == 4


@pytest.mark.parametrize("width", [4, 8])
def test_filters_that_share_positions_are_grouped_as_they_share(width: int) -> None:
    used = _shared(64, 288, width, 0.125)
    assert plan_groups(used, 1, 51, AVX512).schedule.rows == width


def test_sorting_brings_scattered_equal_filters_together() -> None:
    used = _shared(64, 288, 8, 0.125)
    shuffled = used[np.random.default_rng(1).permutation(64)]
    plan = plan_groups(shuffled, 1, 51, AVX512)
    assert plan.schedule.order != "natural"
    assert plan.cycles == pytest.approx(plan_groups(used, 1, 51, AVX512).cycles, rel=0.05)


def test_every_filter_is_in_one_segment_and_no_group_crosses_conv_groups() -> None:
    used = np.random.default_rng(2).random((30, 18)) < 0.5
    for conv_groups in (1, 2, 3, 5):
        plan = plan_groups(used, conv_groups, 4, AVX512)
        filters = np.concatenate([segment.filters for segment in plan.segments])
        assert sorted(filters) == list(range(30))
        for segment in plan.segments:
            owners = segment.filters.reshape(-1, segment.rows) // (30 // conv_groups)
            assert (owners == owners[:, :1]).all()


def test_fewer_kept_weights_never_cost_more() -> None:
    costs = [plan_groups(_shared(64, 288, 8, kept), 1, 51, AVX512).cycles for kept in (1, 0.5, 0.1)]
    assert costs == sorted(costs, reverse=True)


def test_a_wanted_schedule_is_followed_and_an_impossible_one_refused() -> None:
    used = np.ones((8, 9), dtype=np.bool_)
    plan = plan_groups(used, 1, 51, AVX512, Schedule("grouped", 4, 5, "natural"))
    assert (plan.segments[0].rows, plan.segments[0].vectors) == (4, 5)
    with pytest.raises(ScheduleError, match="fits no tile of target x86_64-avx512"):
        plan_groups(used, 1, 51, AVX512, Schedule("grouped", 7, 1, "natural"))


def test_a_schedule_is_json() -> None:
    schedule = Schedule("grouped", 8, 3, "sorted")
    assert Schedule.from_json(schedule.to_json()) == schedule
