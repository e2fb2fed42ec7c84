"""Guessed times follow the work of what stands in a layer's place."""

from __future__ import annotations

import pytest

from backend.latency.guess import DENSE_MACS_PER_MS, OVERHEAD_MS, guess_ms

DOWN = "conv, 16x28x28 to 32x14x14, 3x3, stride 2, relu"
WIDE, PLACES = 28 * 28, 14 * 14


@pytest.mark.parametrize(
    ("signature", "label", "macs"),
    [
        (DOWN, "dense", PLACES * 9 * 16 * 32),
        (DOWN, "filter/2", PLACES * 9 * 16 * 32 / 2),
        (DOWN, "dense/@conv1x1", PLACES * 16 * 32),
        (DOWN, "dense/@dw3x3_conv1x1", PLACES * (9 * 16 + 16 * 32)),
        (
            DOWN,
            "dense/@conv1x1_dw3x3_conv1x1",
            WIDE * 16 * 16 + PLACES * (9 * 16 + 16 * 32),
        ),
        ("conv, 24x14x14 to 24x14x14, 5x5, groups 24", "dense/@conv3x3", PLACES * 9 * 24),
        ("linear, 64 to 10", "dense", 640),
    ],
)
def test_each_weight_works_at_each_place(signature: str, label: str, macs: float) -> None:
    expected = OVERHEAD_MS + macs / DENSE_MACS_PER_MS
    assert guess_ms(signature, label) == pytest.approx(expected)


def test_a_layer_left_out_costs_less_than_any_that_stays() -> None:
    assert guess_ms(DOWN, "dense/@skip") < OVERHEAD_MS
