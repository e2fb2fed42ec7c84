"""Measured errors in the damage table, in units of removed energy."""

from __future__ import annotations

import pytest

from backend.search.tables import reconstructed_damage

ENERGY = {
    "a": {"dense": 0.0, "w": 0.05, "x": 0.2, "y": 0.5, "z": 0.9, "dense/@skip": 1.0},
    "b": {"dense": 0.0, "w": 0.07, "x": 0.1, "y": 0.4, "z": 0.8, "never": 0.7},
}


def report(layer: str, label: str, error: float) -> dict[str, object]:
    kept = not label.startswith("dense/@")
    energy = ENERGY[layer][label] if kept else None
    return {"layer": layer, "label": label, "error": error, "removed_energy": energy}


def stored(power: float, factor: float) -> list[dict[str, object]]:
    return [
        report(layer, label, factor * ENERGY[layer][label] ** power)
        for layer in ENERGY
        for label in ("w", "x", "y", "z")
    ]


def test_nothing_stored_leaves_the_energy() -> None:
    assert reconstructed_damage(ENERGY, []) == ENERGY


def test_errors_that_follow_a_power_give_the_energy_back() -> None:
    more = [report("a", "dense/@skip", 0.3 * 0.6**2.0)] + stored(2.0, 0.3)
    twice = [*more, *more]  # what is told twice counts once
    table = reconstructed_damage(ENERGY, [*twice, *stored(2.0, 0.3)])
    for layer in ENERGY:
        for label in ("dense", "x", "y", "z"):
            assert table[layer][label] == pytest.approx(ENERGY[layer][label], abs=1e-6)
    assert table["b"]["never"] == ENERGY["b"]["never"]  # not stored


def test_a_filter_type_is_as_bad_as_the_energy_that_does_as_much() -> None:
    reports = [*stored(2.0, 0.3)] * 1 + [report("a", "dense/@skip", 0.3 * 0.6**2.0)]
    reports += [report("b", "never", 0.3 * 0.05**2.0)]
    table = reconstructed_damage(ENERGY, reports)
    assert table["a"]["dense/@skip"] < table["a"]["z"]
    assert table["b"]["never"] < table["b"]["y"]
    order = sorted(("x", "y", "z"), key=table["a"].__getitem__)
    assert order == ["x", "y", "z"]
