"""Pruning algorithms at equal epochs, 8.1x: which one is worth being the default.

ADMM as PatDNN (ASPLOS 2020) and Ma et al. (ECCV 2020) formulate it, beside what costs less.
"""

from __future__ import annotations

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.pruning_cells import pruning_cells, run_pruning_cell
from backend.bench.accuracy.pruning_notes import best_note, start_notes
from backend.bench.accuracy.pruning_row import PruningRow
from backend.bench.accuracy.section import Section
from backend.bench.accuracy.table import AccuracyTable
from backend.bench.accuracy.tables.cifar import COLUMNS, DENSE_ROWS
from backend.bench.accuracy.tables.library import NETS
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice

CHOICE = LayerChoice("pattern", 8.1, group=1)  # per kernel, as the papers have it
ROWS = (
    PruningRow("one-shot, repair, distillation", CHOICE),
    PruningRow("ADMM, masked retraining", CHOICE, "admm"),
    PruningRow("iterative", CHOICE, "iterative"),
    PruningRow("one-shot magnitude, masked retraining", CHOICE, "magnitude"),
)


def _cells(place: Workplace) -> list[Cell]:
    net = next(net for net in NETS if net in place.profile.nets)
    return pruning_cells(place, net, [*DENSE_ROWS, *ROWS])


def _notes(section: Section) -> list[str]:
    return [*start_notes(section), *best_note(section, [row.title for row in ROWS])]


ALGORITHMS_TABLE = AccuracyTable(
    name="algorithms",
    title="Pruning algorithms at equal epochs, 8.1x per kernel, CIFAR-10 (JPEG)",
    columns=COLUMNS,
    cells=_cells,
    run=run_pruning_cell,
    baseline="dense",
    notes=_notes,
)
