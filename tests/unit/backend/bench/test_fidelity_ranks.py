"""Ranks of fidelities on a net that trains in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backend.bench.fidelity_ranks import draw, rank_fidelities
from backend.config.search_file import parse_config
from backend.config.search_space import SpaceConfig
from backend.search import evaluator as evaluator_module
from backend.search.space import build_space
from backend.storage.settings import load_settings
from tests.fixtures.image_sets import bars, save_bars, small_net

DATA = bars(150)


def test_drawn_candidates_reach_from_nearly_dense_to_fully_pruned() -> None:
    space = build_space(small_net(DATA), SpaceConfig(schemes=("unstructured",), rates=(2.0, 4.0)))
    drawn = draw(space, 60, 0)
    assert drawn == draw(space, 60, 0) != draw(space, 60, 1)
    dense = [sum(label == "dense" for label in labels.values()) for labels in drawn]
    assert min(dense) <= 1
    assert max(dense) >= len(space.layers) - 1


def test_every_rung_is_ranked_and_nothing_is_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    save_bars(tmp_path, DATA)
    config = parse_config(
        {
            "model": str(tmp_path / "small.safetensors"),
            "data": str(tmp_path / "bars.npz"),
            "space": {"schemes": ["unstructured"], "rates": [2.0, 8.0]},
            "training": {
                "rungs": ["stitched", "repaired"],
                "validation_images": 20,
                "repair_images": 32,
            },
        }
    )
    settings = load_settings()
    settings.make_folders()
    told: list[Any] = []

    def run() -> list[dict[str, Any]]:
        return rank_fidelities(
            config,
            settings,
            tmp_path / "bench",
            count=4,
            on_candidate=lambda number, row: told.append((number, [one["loss"] for one in row])),
        )

    rows = run()
    assert [row["name"] for row in rows][-2:] == ["stitched", "repaired"]
    assert rows[-1]["spearman"] == pytest.approx(1.0)
    assert all(-1.0 <= row["spearman"] <= 1.0 for row in rows)
    assert all(row["seconds"] > 0 for row in rows[-2:])
    before = list(told)
    monkeypatch.setattr(evaluator_module.Evaluator, "_trained", None)
    monkeypatch.setattr(evaluator_module.Evaluator, "_stitched", None)
    assert run() == rows
    assert told[len(before) :] == before
