"""Blocks of fully connected layers."""

from __future__ import annotations

import numpy as np

from codegen.schedules.linear_schedule import linear_schedules, plan_linear
from codegen.targets.registry import load_target


def test_large_dense_layers_take_wide_blocks_and_ten_classes_one_vector() -> None:
    target = load_target("x86_64-avx512")
    assert plan_linear(np.ones((512, 512), dtype=np.bool_), target).vectors == 4
    assert plan_linear(np.ones((10, 64), dtype=np.bool_), target).vectors == 1


def test_blocks_of_sixteen_outputs_are_not_joined() -> None:
    random = np.random.default_rng(0)
    used = np.repeat(random.random((8, 512)) < 0.1, 16, axis=0)
    assert plan_linear(used, load_target("x86_64-avx512")).vectors == 1


def test_blocks_of_eight_outputs_take_half_vectors_where_a_half_has_four_lanes() -> None:
    random = np.random.default_rng(0)
    used = np.repeat(random.random((32, 512)) < 0.125, 8, axis=0)
    assert plan_linear(used, load_target("x86_64-avx512")).rows == 2
    assert plan_linear(used, load_target("x86_64-avx2")).rows == 1
    assert {item.rows for item in linear_schedules(load_target("aarch64-a72"))} == {1}
