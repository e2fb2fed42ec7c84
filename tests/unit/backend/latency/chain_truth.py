"""A made-up device whose layer times follow a known rule, neighbours included."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from backend.latency.guess import guess_ms
from backend.latency.measured_run import MeasuredRun
from backend.latency.signature import net_digest
from backend.latency.table import LatencyTable, TableNet
from backend.latency.traits import kind_of

WIDE = "conv, 16x28x28 to 16x28x28, 3x3, relu"
DEEP = "conv, 64x7x7 to 64x7x7, 3x3, add, relu"
SIGNATURES = {f"layer{index}": WIDE if index < 4 else DEEP for index in range(8)}
LABELS = {
    name: (
        "dense",
        *(f"pattern/{rate}/natural-8/g4" for rate in ("2.25", "5")),
        *(f"block_punched/{rate}/4x1" for rate in (2, 5)),
        *(f"filter/{rate}" for rate in (2, 5)),
    )
    for name in SIGNATURES
}
CONSTANT_MS = 0.002
NET = net_digest(SIGNATURES)


@dataclass
class Trial:
    """A finished trial as a learner sees it."""

    labels: dict[str, str]
    latency_ms: float
    layer_ms: dict[str, float] = field(default_factory=dict)


def true_layer_ms(labels: dict[str, str]) -> dict[str, float]:
    """Twice the guess, patterns dearer, less behind removed filters, a copy before dense layers."""
    names = list(SIGNATURES)
    found = {}
    for place, name in enumerate(names):
        label = labels[name]
        ms = 2.0 * guess_ms(SIGNATURES[name], label)
        if label.startswith("pattern"):
            ms *= 1.3
        if place:
            before = kind_of(labels[names[place - 1]])
            ms *= float(np.exp(-0.8 * before.thinning))
        if place + 1 < len(names) and label != "dense" and labels[names[place + 1]] == "dense":
            ms *= 1.2
        found[name] = ms
    return found


def true_ms(labels: dict[str, str]) -> float:
    return CONSTANT_MS + sum(true_layer_ms(labels).values())


def draw(random: np.random.Generator) -> dict[str, str]:
    return {name: menu[int(random.integers(len(menu)))] for name, menu in LABELS.items()}


def run_of(labels: dict[str, str], role: str = "fit") -> MeasuredRun:
    return MeasuredRun(NET, labels, true_ms(labels), true_layer_ms(labels), role=role)


def table(count: int, seed: int = 0) -> LatencyTable:
    random = np.random.default_rng(seed)
    dense = dict.fromkeys(SIGNATURES, "dense")
    net = TableNet("chain", SIGNATURES, true_ms(dense))
    runs = tuple(run_of(draw(random)) for _ in range(count))
    device = {"name": "local", "identity": "a" * 64, "cpu": "made up"}
    return LatencyTable(device, "x86_64-test", "zig 1", {NET: net}, runs)
