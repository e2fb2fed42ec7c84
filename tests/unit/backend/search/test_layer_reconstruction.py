"""Which layers a search reconstructs before its first candidate: what it will need, or none."""

from __future__ import annotations

from typing import Any

import pytest

from backend.config.search_file import parse_config
from backend.search.preparation import prepare
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from tests.unit.backend.search.in_process import begin, run

TYPES = {"filter_types": ["keep", "conv1x1", "skip"], "schemes": ["pattern"], "rates": [4.0]}


def reconstructed(trials: int, **more: Any) -> list[str]:
    _, executor = run(begin(trials, **more))
    tasks = [task.payload for task in executor.done if task.kind == "reconstruct"]
    return [label for payload in tasks for label in payload["choices"]]


def test_filter_types_begin_with_reconstructed_weights_and_other_choices_do_not() -> None:
    labels = reconstructed(4, space=TYPES)
    assert labels
    assert all(label.endswith(("@conv1x1", "@skip")) for label in labels)


def test_stitched_nets_need_every_choice() -> None:
    training = {"rungs": ["stitched", {"epochs": 1, "images": 100}]}
    labels = reconstructed(4, space=TYPES, training=training)
    config = parse_config({"model": "resnet8", "space": TYPES}, "test")
    prepared = prepare(config, open_database(), open_artifacts(load_settings()))
    wanted = [c.label for _, menu in prepared.space.menus for c in menu if not c.is_dense]
    assert sorted(labels) == sorted(wanted)


@pytest.mark.parametrize("rungs", [[], ["stitched", {"epochs": 1, "images": 100}]])
def test_few_candidates_of_a_large_menu_make_what_they_need_themselves(rungs: list[Any]) -> None:
    assert reconstructed(1, space={"menu": "npas"}, training={"rungs": rungs}) == []


def test_menu_without_filter_types_needs_none() -> None:
    assert reconstructed(4) == []
