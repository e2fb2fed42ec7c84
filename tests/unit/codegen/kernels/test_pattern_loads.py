"""Loads of a pattern set, counted in the C text itself."""

from __future__ import annotations

import re

import numpy as np
import pytest

from codegen.compiler import generate
from codegen.ir import Graph, GraphBuilder
from codegen.kernels.pattern_loads import pattern_loads, register_loads, window_taps
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import load_target

CORNERS = (0b000_011_011, 0b000_110_110)
WIDE = (0b111_010_000, 0b000_010_111, 0b001_011_001)
ONE = (0b000_010_011 | 0b000_100_000,)
SETS = (CORNERS, WIDE, ONE)


def _layer(masks: tuple[int, ...]) -> Graph:
    """14x14, 32 filters of 8 channels whose kernels take the patterns in turn."""
    builder = GraphBuilder("loads")
    x = builder.input((1, 8, 14, 14))
    bits = np.array([[mask >> k & 1 for k in range(9)] for mask in masks])
    chosen = bits[np.arange(32 * 8) % len(masks)].reshape(32, 8, 3, 3)
    keys = {"weight": builder.weight("w", chosen * 0.5)}
    return builder.build(builder.add("conv", x, name="layer", weights=keys, padding=(1, 1, 1, 1)))


def _text(masks: tuple[int, ...], target: str, schedule: Schedule) -> str:
    bundle = generate(_layer(masks), load_target(target), schedules={"layer": schedule})
    names = {"pattern": "conv-pattern", "pattern_rows": "pattern-rows", "runs": "conv-runs"}
    word = names[schedule.format]
    return next(f.text for f in bundle.files if word in f.name and f.name.endswith(".c"))


@pytest.mark.parametrize("masks", SETS)
@pytest.mark.parametrize("target", ["x86_64-avx512", "aarch64-a76"])
def test_window_of_a_channel_is_loaded_as_counted(masks: tuple[int, ...], target: str) -> None:
    text = _text(masks, target, Schedule("pattern", 1, 1))
    window = re.search(r"void load_window_1\(.*?\n}", text, re.DOTALL)
    assert window is not None
    counted = {p.strategy: p.loads for p in pattern_loads(masks, load_target(target))}
    assert window[0].count("= load(") == counted["pattern"] == len(window_taps(masks))
    assert register_loads(masks, load_target(target)) == counted["pattern"]


@pytest.mark.parametrize("masks", SETS)
def test_strips_load_rows_by_columns_as_counted(masks: tuple[int, ...]) -> None:
    text = _text(masks, "x86_64-avx512", Schedule("pattern_rows", 7, 1))
    window = re.search(r"void load_window\(.*?\n}", text, re.DOTALL)
    assert window is not None
    counted = {p.strategy: p.loads for p in pattern_loads(masks, load_target("x86_64-avx512"))}
    assert window[0].count("= load(") == pytest.approx(7 * counted["pattern_rows"])


def test_with_few_registers_every_pattern_loads_its_own() -> None:
    avx2 = load_target("x86_64-avx2")
    (only,) = pattern_loads(WIDE, avx2)
    assert only.strategy == "runs"
    assert only.loads == 4 * len(WIDE)
    assert only.lines == only.loads * 1.5
    assert register_loads(WIDE, avx2) == only.loads


def test_more_patterns_than_the_code_holds_go_by_runs() -> None:
    many = tuple(0b1_0000 | 0b1_1100_0000 >> shift for shift in range(3)) + tuple(
        mask for mask in range(1, 512) if mask.bit_count() == 4
    )
    found = pattern_loads(many[:20], load_target("x86_64-avx512"))
    assert [item.strategy for item in found] == ["runs"]
