"""A history of ADMM as figure, table and words."""

from __future__ import annotations

import pytest

from app.theme import LIGHT
from app.viewmodels.convergence import (
    ALL_LAYERS,
    convergence_figure,
    convergence_table,
    convergence_words,
    layer_names,
    repair_table,
    residuals,
    training_table,
    updates_of,
)
from backend.services.csv_files import csv_bytes


def update(number: int, rho: float, residual: float) -> dict:
    pattern = {"pattern": residual, "pattern_moved": 0.5, "connectivity": 2 * residual}
    return {
        "update": number,
        "step": 10 * number,
        "stage": number,
        "rho": rho,
        "loss": 1.5,
        "library": 8,
        "layers": {"conv1": pattern, "fc": {"structure": residual}, "conv2": {"pattern": 0.0}},
    }


UPDATES = [update(1, 0.1, 0.4), update(2, 0.1, 0.2), update(3, 1.0, 0.1)]


def test_only_histories_of_admm_have_updates() -> None:
    assert updates_of(None) == []
    assert updates_of({"algorithm": "one_shot", "trainings": []}) == []
    assert updates_of({"updates": UPDATES}) == UPDATES


def test_mean_is_taken_over_the_layers_that_have_the_split() -> None:
    assert residuals(UPDATES[0]) == {
        "pattern": pytest.approx(0.2),
        "pattern_moved": 0.5,
        "connectivity": 0.8,
        "structure": 0.4,
    }
    assert residuals(UPDATES[0], "fc") == {"structure": 0.4}
    assert layer_names(UPDATES) == ["conv1", "fc", "conv2"]


def test_figure_has_a_line_for_each_constraint_and_an_upright_for_each_new_rho() -> None:
    figure = convergence_figure(UPDATES, LIGHT)
    assert [trace["name"].split(":")[0] for trace in figure["data"]] == [
        "pattern", "connectivity", "structure",
    ]  # fmt: skip
    assert figure["data"][1]["y"] == [0.8, 0.4, 0.2]
    assert figure["data"][0]["x"] == [10, 20, 30]
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [20]
    assert len({trace["line"]["dash"] for trace in figure["data"][:2]}) == 2


def test_a_residual_of_zero_can_be_drawn() -> None:
    (trace,) = convergence_figure(UPDATES, LIGHT, "conv2")["data"]
    assert all(value > 0 for value in trace["y"])


def test_table_has_a_row_for_each_update_and_layer() -> None:
    table = convergence_table(UPDATES)
    assert len(table) == 9
    first = csv_bytes(table).decode().splitlines()
    assert first[0].startswith("update,step,stage,rho,loss,patterns in library,layer,pattern")
    assert first[1].startswith("1,10,1,0.1,1.5,8,conv1,0.4")


def test_words_say_where_it_ended() -> None:
    words = convergence_words(UPDATES)
    assert "pattern 5.0 % and connectivity 20.0 % and structure 10.0 %" in words
    assert "8 patterns" in words
    assert convergence_words([]) == ""
    assert ALL_LAYERS not in layer_names(UPDATES)


def test_trainings_and_repair_are_tables_too() -> None:
    epochs = [{"number": 1, "loss": 0.5}, {"number": 2, "loss": 0.25}]
    history = {
        "trainings": [{"name": "fine-tune", "images": 100, "history": epochs}],
        "repair": [{"name": "fc", "criterion": None, "error": None, "note": "why"}],
    }
    assert training_table(history)["loss"].tolist() == [0.5, 0.25]
    assert repair_table(history)["note"].tolist() == ["why"]
    assert training_table({}).empty
    assert repair_table({}).empty
