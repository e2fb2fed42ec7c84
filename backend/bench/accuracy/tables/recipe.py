"""Learning rate of the extra training, chosen once: validation accuracy, one seed."""

from __future__ import annotations

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.pruning_cells import pruning_cells, run_pruning_cell
from backend.bench.accuracy.pruning_row import PruningRow
from backend.bench.accuracy.table import AccuracyTable, Column, percent
from backend.bench.accuracy.tables.library import NETS
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice

RATES = (0.01, 0.02, 0.05)


def _cells(place: Workplace) -> list[Cell]:
    net = next(net for net in NETS if net in place.profile.nets)
    choice = LayerChoice("pattern", 8.1, group=8)
    rows = [PruningRow(f"8.1x, rate {rate:g}", choice, rate=rate) for rate in RATES]
    first = place.profile.seeds[0]
    return [cell for cell in pruning_cells(place, net, rows) if cell.seed == first]


RECIPE = AccuracyTable(
    name="recipe",
    title="Learning rate of the extra training (validation images, one seed)",
    columns=(
        percent("validation %", "validation_accuracy"),
        Column("validation loss", "validation_loss", "{:.4f}"),
    ),
    cells=_cells,
    run=run_pruning_cell,
)
