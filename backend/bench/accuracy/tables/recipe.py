"""Learning rate of the extra training, chosen once: validation accuracy, one seed."""

from __future__ import annotations

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.pruning_cells import pruning_cells, run_pruning_cell
from backend.bench.accuracy.pruning_row import PruningRow
from backend.bench.accuracy.table import AccuracyTable, Column, percent
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice

RATES = (0.01, 0.02, 0.05, 0.1)
POINTWISE = {"mobilenet_v2"}


def _cells(place: Workplace) -> list[Cell]:
    choice = LayerChoice("pattern", 8.1, group=8)
    rows = [PruningRow(f"8.1x, rate {rate:g}", choice, rate=rate) for rate in RATES]
    nets = [net for net in place.profile.nets if net not in POINTWISE]
    cells = [cell for net in nets for cell in pruning_cells(place, net, rows)]
    return [cell for cell in cells if cell.seed == place.profile.seeds[0]]


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
