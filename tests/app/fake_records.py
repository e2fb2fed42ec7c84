"""What the recorded studio knows: a search with its trials, trainings, patterns, code."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from backend.services.views import (
    TrialRow,
)

NOW = datetime.now(UTC)
SEARCH_ID = "5eac4001"
CONFIG: dict[str, Any] = {
    "model": "resnet20",
    "data": "sample",
    "device": "local",
    "sampler": "punchcard",
    "seed": 0,
    "budget": {"trials": 24},
    "workers": 2,
    "warm_start": [],
    "constraints": {"latency_ms": 3.0},
    "space": {
        "schemes": ["pattern", "block_punched"],
        "rates": [2.25, 4.0, 8.1],
        "patterns": "natural-8",
        "group": 4,
        "blocks": [[4, 1]],
        "balance": "balanced",
        "axes": "columns",
        "filter_types": ["keep"],
    },
    "training": {"images": 4000, "epochs": 1},
    "latency_table": "auto",
}
REPLACED: dict[str, Any] = {
    "of": "resnet20",
    "model": "resnet20-hard",
    "rows": [
        {"node": "features.0.silu", "before_ms": 0.4, "after_ms": 0.2, "share": 0.2, "gain": 0.1}
    ],
    "accuracy": {
        "original": {"accuracy": 0.91, "loss": 0.3, "count": 10_000, "standard_error": 0.003},
        "control": None,
        "replaced": {"accuracy": 0.80, "loss": 0.6, "count": 10_000, "standard_error": 0.004},
        "tuned": {"accuracy": 0.905, "loss": 0.31, "count": 10_000, "standard_error": 0.003},
    },
    "timing": {"before_ms": 2.0, "after_ms": 1.6, "speedup": 1.25, "is_unstable": False},
}
TRAINED: dict[str, Any] = {
    "of": "resnet20",
    "model": "resnet20-flowers",
    "best_epoch": 2,
    "notes": ["memory ran out: 32 examples are taken at once from here on"],
    "history": [
        {"number": n, "loss": 2.0 / n, "validation": {"loss": 1.0 / n, "accuracy": 0.4 * n}}
        for n in (1, 2)
    ],
    "before": {"accuracy": 0.1, "loss": 2.3, "count": 1000, "standard_error": 0.01},
    "test": {"accuracy": 0.79, "loss": 0.6, "count": 1000, "standard_error": 0.013},
}
NATURAL = (
    (0, 1, 0, 1, 1, 1, 0, 0, 0),
    (0, 1, 0, 1, 1, 0, 0, 1, 0),
    (0, 1, 0, 0, 1, 1, 0, 1, 0),
    (0, 0, 0, 1, 1, 1, 0, 1, 0),
    (1, 1, 0, 1, 1, 0, 0, 0, 0),
    (0, 1, 1, 0, 1, 1, 0, 0, 0),
    (0, 0, 0, 1, 1, 0, 1, 1, 0),
    (0, 0, 0, 0, 1, 1, 0, 1, 1),
)
LIBRARY = {
    "patterns": "resnet20-library",
    "stages": [
        {
            "before": 8,
            "after": 4,
            "counts": {"010111000": 40, "010110010": 30, "010011010": 20, "000111010": 5},
            "dropped_share": 0.05,
            "coverage": 0.95,
            "held": False,
        }
    ],
}
SOURCE = """#include <stdint.h>

/* punchcard 0.1.0, target x86_64-avx2, tile 4x16 */
void punchcard_f32_conv3x3_pattern_relu_microkernel_4x16__avx2(
    const punchcard_conv_shape* shape, const float* input, const float* weights,
    const uint16_t* metadata, float* output, const punchcard_params* params) {
  for (int32_t oc = 0; oc < shape->output_channels; oc += 4) {
    for (int32_t oy = 0; oy < shape->output_height; ++oy) {
      /* one pattern per group of filters: four loads, four fused multiply-adds */
    }
  }
}
"""
SCENARIOS = ("empty", "working", "full", "failed")


def layer_names() -> list[tuple[str, int, int, int]]:
    """ResNet-20's convolutions: name, input channels, output channels, output side."""
    rows = [("conv1", 1, 16, 28)]
    for stage, (width, side) in enumerate(((16, 28), (32, 14), (64, 7)), start=1):
        for block in range(3):
            first = width if stage == 1 or block else width // 2
            rows.append((f"layer{stage}.{block}.conv1", first, width, side))
            rows.append((f"layer{stage}.{block}.conv2", width, width, side))
    return rows


def trials(number: int) -> tuple[TrialRow, ...]:
    """Finished trials along a plausible front, with a few dominated and a failed one."""
    random = np.random.default_rng(7)
    rows = []
    for n in range(number):
        speedup = 1.3 + 3.2 * random.random()
        accuracy = 0.912 - 0.004 * max(0.0, speedup - 2) ** 1.6 - 0.012 * random.random()
        rows.append(
            TrialRow(
                id=f"{SEARCH_ID}-{n}",
                number=n,
                state="done",
                accuracy=accuracy,
                accuracy_se=0.0063,
                latency_ms=6.4 / speedup,
                latency_spread_ms=0.03 + 0.08 * random.random(),
                speedup=speedup,
                rate=1 + 1.6 * speedup,
                max_relative_error=2.1e-6,
                verified=True,
                candidate_label="pattern/4/natural-8/g8 ×12, block_punched/4/8x4 ×6",
            )
        )
    best = -1.0
    on_front = set()
    for row in sorted(rows, key=lambda r: r.latency_ms):
        if row.accuracy > best:
            best = row.accuracy
            on_front.add(row.id)
    rows = [replace(row, on_front=row.id in on_front) for row in rows]
    if number > 6:
        rows[3] = TrialRow(
            id=f"{SEARCH_ID}-3", number=3, state="failed", error="the compiler ran out of memory"
        )
    return tuple(rows)


ADMM_HISTORY = {
    "algorithm": "admm",
    "trainings": [
        {
            "name": name,
            "epochs": 1,
            "images": 4000,
            "history": [{"number": 1, "loss": loss, "learning_rate": 0.0, "validation": {}}],
        }
        for name, loss in (("admm", 1.2), ("fine-tune", 0.4))
    ],
    "repair": [{"name": "conv1", "criterion": "magnitude", "error": 0.02, "note": ""}],
    "updates": [
        {
            "update": number,
            "step": 20 * number,
            "stage": number,
            "rho": 0.01 * 4**number,
            "loss": 1.0,
            "library": 8,
            "layers": {
                "conv1": {"pattern": 0.5**number, "pattern_moved": 0.1, "connectivity": 0.6**number}
            },
        }
        for number in range(1, 5)
    ],
}
