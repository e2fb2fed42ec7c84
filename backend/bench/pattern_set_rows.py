"""Layers that tell whether a pattern set with fewer loads is faster: same kernels, other sets."""

from __future__ import annotations

from backend.bench.kernel_row import KernelRow
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import UNIVERSE, PatternSet, preset_patterns
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

LAYERS = ((64, 28), (256, 14))
"""Channels and side of the map; 8.1x, patterns per filter."""

_RATE = 8.1


def pattern_sets() -> dict[str, PatternSet]:
    """Sets by what they are: shipped ones, and such that share few taps."""
    shipped = preset_patterns()
    square = _inside(0b000_111_111)
    return {
        "natural-12": shipped["natural-12"],
        "natural-8": shipped["natural-8"],
        "2x3 window": PatternSet("window-6", square[:8]),
        "natural-4": shipped["natural-4"],
        "one pattern": PatternSet("one", square[:1]),
    }


def rows() -> list[tuple[str, KernelRow, PatternSet]]:
    """Title of the set, the layer, and the set."""
    found = []
    for channels, size in LAYERS:
        for title, patterns in pattern_sets().items():
            choice = LayerChoice("pattern", _RATE, patterns=patterns.name, group=1)
            row = KernelRow("pattern set", channels, channels, size, choice, patterns=patterns)
            found.append((title, row, patterns))
    return found


def schedules(target: Target) -> tuple[Schedule, ...]:
    """The microkernels whose loads depend on the set, with their widest tiles."""
    if target.registers == 32:
        return (Schedule("pattern", 1, 3), Schedule("pattern_rows", 7, 1))
    return (Schedule("runs", 1, 3),)


def _inside(window: int) -> tuple[int, ...]:
    return tuple(pattern for pattern in UNIVERSE if not pattern & ~window)
