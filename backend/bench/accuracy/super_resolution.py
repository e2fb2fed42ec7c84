"""Computes a row of the table of super-resolution: prune, repair without targets, train shortly."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.photographs import (
    published_layers,
    real_photographs,
    split_photographs,
)
from backend.bench.accuracy.workplace import Workplace
from backend.data.photographs import PicturePairs, draw_pairs
from backend.models.upconv7 import BORDER, SCALE, resized, upconv_7
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import natural_patterns
from backend.sparsity.prune import prune_graph
from backend.sparsity.repair import repair
from backend.sparsity.report import achieved, overall_rate
from backend.training.peak_noise import bicubic_psnr, graph_psnr
from backend.training.picture_pairs import PairExamples, SquaredError, small_pictures
from backend.training.recipe import Recipe
from backend.training.trainer import train
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph, save_graph

PRUNED = tuple(f"conv{number}" for number in range(2, 7))
"""Layers 2 to 6: all 3x3 layers but the first, 97 % of the weights."""

CUT = SCALE * BORDER
"""Pixels of a large picture on each side that the net does not make."""


@dataclass(frozen=True)
class PictureRow:
    """How a row's net is made.

    Attributes:
        choice: for layers 2 to 6; None leaves the net dense.
        select: criterion of the masks.
        is_trained: whether it gets the extra training.
    """

    choice: LayerChoice | None = None
    select: str = "magnitude"
    is_trained: bool = True


@dataclass(frozen=True)
class PictureSettings:
    """Sizes of everything; all of them decide the results.

    Attributes:
        size: rows and columns of small pictures in training and repair.
        crops: of each training photograph, for training, drawn by the seed.
        repair_crops: of each training photograph, for repair.
        test_size: rows and columns of small pictures in the test.
        test_crops: of each test photograph.
        batch: pairs of a step.
        rate: peak learning rate.
        epochs: of the extra training.
    """

    size: int = 40
    crops: int = 80
    repair_crops: int = 16
    test_size: int = 64
    test_crops: int = 4
    batch: int = 8
    rate: float = 0.003
    epochs: int = 2


def run_picture_row(place: Workplace, cell: Cell, settings: PictureSettings) -> dict[str, Any]:
    """Compute a cell; pruned and repaired nets are made once for all seeds."""
    row: PictureRow = cell.work
    train_pairs, test = _pairs(place, settings, cell.seed)
    bicubic = place.remember("waifu2x bicubic", lambda: bicubic_psnr(test, CUT))

    def judge(graph: Graph) -> np.ndarray[Any, np.dtype[np.float64]]:
        return graph_psnr(resized(graph, settings.test_size), test, CUT)

    graph, values = _pruned(place, row, settings)
    if row.choice is not None:
        values["repaired_psnr"] = float(judge(graph).mean())
    if row.is_trained:
        begin = time.perf_counter()
        recipe = Recipe(
            epochs=settings.epochs,
            batch=settings.batch,
            learning_rate=settings.rate,
            weight_decay=0.0,
            seed=cell.seed,
        )
        graph = train(
            graph,
            PairExamples(train_pairs, CUT),
            recipe,
            objective=SquaredError(),
            checkpoint=place.path(cell.key, ".checkpoint"),
            should_stop=place.should_stop,
        ).graph
        values["train_s"] = time.perf_counter() - begin
        place.path(cell.key, ".checkpoint").unlink(missing_ok=True)
    found = judge(graph)
    return values | _told(found, bicubic)


def run_bicubic(place: Workplace, cell: Cell, settings: PictureSettings) -> dict[str, Any]:
    """Compute the cell of bicubic interpolation."""
    _, test = _pairs(place, settings, cell.seed)
    found = place.remember("waifu2x bicubic", lambda: bicubic_psnr(test, CUT))
    return {"psnr": float(found.mean()), "crops": len(found)}


def _told(found: np.ndarray[Any, Any], bicubic: np.ndarray[Any, Any]) -> dict[str, Any]:
    gain = found - bicubic
    return {
        "psnr": float(found.mean()),
        "gain": float(gain.mean()),
        "better": int((gain > 0).sum()),
        "crops": len(found),
    }


def _pairs(
    place: Workplace, settings: PictureSettings, seed: int
) -> tuple[PicturePairs, PicturePairs]:
    photographs = place.remember("photographs", real_photographs)
    train_part, test_part = split_photographs(photographs)
    test = place.remember(
        "waifu2x test",
        lambda: draw_pairs(test_part, settings.test_crops, settings.test_size),
    )
    return draw_pairs(train_part, settings.crops, settings.size, 1000 + seed), test


def _pruned(
    place: Workplace, row: PictureRow, settings: PictureSettings
) -> tuple[Graph, dict[str, Any]]:
    dense = place.remember("waifu2x net", lambda: upconv_7(settings.size, published_layers()))
    if row.choice is None:
        return dense, {"rate": 1.0}
    choice = row.choice
    candidate = Candidate.of(dict.fromkeys(PRUNED, choice))
    sets = {choice.patterns: replace(natural_patterns(dense, 8), name=choice.patterns)}
    name = f"waifu2x-{candidate.digest[:12]}-{row.select}-{settings.repair_crops}-{settings.size}"
    path = place.path(name, ".safetensors")
    made: dict[str, Any] = {}
    if not path.is_file():
        begin = time.perf_counter()
        photographs = place.remember("photographs", real_photographs)
        seen = draw_pairs(
            split_photographs(photographs)[0], settings.repair_crops, settings.size, 1
        )
        fixed = repair(dense, candidate, small_pictures(seen), select=row.select, pattern_sets=sets)
        made["repair_s"] = time.perf_counter() - begin
        save_graph(fixed, path)
    graph = load_graph(path)
    _, test = _pairs(place, settings, 0)
    bare = prune_graph(dense, candidate, pattern_sets=sets)
    return graph, {
        "rate": overall_rate([r for r in achieved(graph, candidate) if r.scheme != "dense"]),
        **made,
        "magnitude_psnr": float(graph_psnr(resized(bare, settings.test_size), test, CUT).mean()),
    }
