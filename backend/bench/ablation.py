"""What each optimisation of pattern layers gives, in the steps of PatDNN's own figure.

PatDNN (ASPLOS 2020), section 6: no optimisation, filter kernel reorder, load redundancy
elimination, parameter tuning, each beside those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backend.bench.kernel_bench import measure_row
from backend.bench.kernel_row import KernelRow
from backend.storage.settings import Settings
from codegen.kernels.group_conv import GROUP_CONV
from codegen.kernels.pattern_conv import PATTERN_CONV, RUN_CONV
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

NONE, REORDER, LOADS, TUNING = (
    "none",
    "+ reorder",
    "+ load redundancy elimination",
    "+ tuning",
)


def ablation_schedules(target: Target) -> dict[str, tuple[Schedule, ...]]:
    """Schedules of each step.

    Without optimisation filters go one by one over all their weights, as over rows of CSR.
    Reordered, similar filters are neighbours and share what they have in common. Without
    redundant loads, inputs of a pattern are in registers for all filters of a block, at the widest
    tile. Tuned, the fastest of all tiles of all of these stands.
    """
    group = dict(GROUP_CONV.tiles[target.registers])
    ours = {"runs": RUN_CONV.tiles[target.registers][0][1]}
    if target.registers in PATTERN_CONV.tiles:
        ours["pattern"] = PATTERN_CONV.tiles[target.registers][0][1]
    best = "pattern" if "pattern" in ours else "runs"
    widths = [Schedule(name, 1, width) for name, most in ours.items() for width in _upto(most)]
    pairs = [Schedule("grouped", 2, width, "sorted") for width in _upto(group[2])]
    return {
        NONE: (Schedule("grouped", 1, group[1], "natural"),),
        REORDER: (Schedule("grouped", 2, group[2], "sorted"),),
        LOADS: (Schedule(best, 1, ours[best]),),
        TUNING: (*widths, *pairs),
    }


def measure_ablation(
    row: KernelRow, target: Target, *, rounds: int, settings: Settings
) -> Iterator[dict[str, Any]]:
    """Rows of the report, one a step; of the last one the fastest schedule."""
    first_ms = 0.0
    for step, schedules in ablation_schedules(target).items():
        tried = [
            measure_row(row, target, rounds=rounds, settings=settings, schedule=schedule)
            for schedule in schedules
        ]
        fastest = min(tried, key=lambda one: float(one["punchcard_ms"]))
        first_ms = first_ms or fastest["punchcard_ms"]
        yield {**fastest, "step": step, "gain": first_ms / fastest["punchcard_ms"]}


def _upto(most: int) -> range:
    return range(max(1, most - 2), most + 1)
