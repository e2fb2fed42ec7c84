"""A real 3x3 net with published weights: waifu2x photo, twice the size, on real photographs.

The net makes a photograph from its half; PSNR is held against bicubic interpolation and the dense
net. Repair sees small pictures alone; the extra training is self-supervised, since any photograph
is the target of its own half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from backend.bench.accuracy.cell import Cell, Fact
from backend.bench.accuracy.digest import digest_of
from backend.bench.accuracy.photographs import MODEL, PACKAGES, PHOTOGRAPHS, WEIGHTS
from backend.bench.accuracy.section import Section
from backend.bench.accuracy.super_resolution import (
    PictureRow,
    PictureSettings,
    run_bicubic,
    run_picture_row,
)
from backend.bench.accuracy.table import AccuracyTable, Column, Values
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice

NET = "upconv_7"
BICUBIC, PUBLISHED, DENSE = "bicubic", "dense, as published", "dense"
SEEDS = (0, 1, 2)
SETTINGS = PictureSettings()

ROWS: dict[str, PictureRow | None] = {
    BICUBIC: None,
    PUBLISHED: PictureRow(is_trained=False),
    DENSE: PictureRow(),
    "pattern 2.25x, per kernel": PictureRow(LayerChoice("pattern", 2.25, group=1)),
    "pattern + connectivity 4x, per kernel": PictureRow(LayerChoice("pattern", 4, group=1)),
}


def _cells(_: Workplace) -> list[Cell]:
    cells = []
    for title, row in ROWS.items():
        facts: dict[str, Fact] = {
            "task": "bicubic" if row is None else "upconv_7",
            "weights": WEIGHTS,
            "photographs": PHOTOGRAPHS,
            "settings": digest_of(asdict(SETTINGS)),
        }
        if row is not None:
            facts |= {
                "choice": None if row.choice is None else row.choice.label,
                "select": row.select,
                "is_trained": row.is_trained,
            }
        seeds = SEEDS if row is not None and row.is_trained else SEEDS[:1]
        cells += [Cell(NET, title, seed, facts, row) for seed in seeds]
    return cells


def _run(place: Workplace, cell: Cell) -> Values:
    if cell.work is None:
        return run_bicubic(place, cell, SETTINGS)
    return run_picture_row(place, cell, SETTINGS)


def _notes(section: Section) -> Sequence[str]:
    crops = section.mean(BICUBIC, "crops")
    count = "" if crops is None else f"{crops.value:.0f} crops of "
    notes = [
        f"Weights: `{MODEL}`. {count}7 of the 19 photographs of Debian's `{PACKAGES}` (made 4 "
        "times smaller first) are the test, the other 12 are for repair and training. Layers 2 to "
        "6 are pruned; the rate is theirs."
    ]
    base, lines = section.mean(DENSE, "psnr"), list(section.lines)
    for row in lines:
        found = section.difference(row, "psnr")
        if base is not None and found is not None and ROWS.get(row) is not None:
            if row == PUBLISHED:
                continue
            notes.append(f"{row}: {found.value:+.2f} dB to the dense net after the same training.")
    return notes


WAIFU2X = AccuracyTable(
    name="waifu2x",
    title="waifu2x photo x2: real weights of 3x3 layers, PSNR on real photographs",
    columns=(
        Column("rate", "rate", "{:.2f}x"),
        Column("magnitude alone dB", "magnitude_psnr"),
        Column("repaired dB", "repaired_psnr"),
        Column("PSNR dB", "psnr", is_paired=True),
        Column("to bicubic dB", "gain"),
        Column("crops better than bicubic", "better", "{:.0f}"),
    ),
    cells=_cells,
    run=_run,
    baseline=DENSE,
    notes=_notes,
    needs_data=False,
)
