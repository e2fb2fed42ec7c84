"""Rows of `punchcard bench pattern-sets`: equal kernels, sets of different loads."""

from __future__ import annotations

import pytest

from backend.bench.kernel_row import LAYER
from backend.bench.pattern_set_rows import pattern_sets, rows, schedules
from codegen.compiler import generate
from codegen.kernels.pattern_loads import pattern_loads, window_taps
from codegen.targets.registry import load_target


def test_sets_share_fewer_and_fewer_taps() -> None:
    taps = {title: len(window_taps(found.patterns)) for title, found in pattern_sets().items()}
    assert taps["natural-8"] == 9
    assert taps["2x3 window"] == 6
    assert taps["one pattern"] == 4
    assert len(pattern_sets()["2x3 window"].patterns) == 8


@pytest.mark.parametrize("target", ["x86_64-avx512", "x86_64-avx2"])
def test_rows_keep_equally_many_weights_and_compile_as_told(target: str) -> None:
    chip = load_target(target)
    kept = set()
    for _, row, patterns in rows()[:5]:
        graph = row.graph()
        kept.add(graph.weights[f"{LAYER}.weight"].nonzeros)
        assert {found.strategy for found in pattern_loads(patterns.patterns, chip)} >= {
            schedule.format for schedule in schedules(chip)
        }
    assert len(kept) == 1
    schedule = schedules(chip)[0]
    bundle = generate(graph, chip, schedules={LAYER: schedule})
    words = {"pattern": "conv-pattern", "runs": "conv-runs"}[schedule.format]
    assert any(words in file.name for file in bundle.files)
