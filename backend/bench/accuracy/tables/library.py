"""How many patterns a library needs: accuracy and latency at 4, 8, 12 and all 56.

PatDNN (ASPLOS 2020, section 4.1) settles on 8; patterns are the most frequent natural ones of the
dense start.
"""

from __future__ import annotations

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.plan import LIBRARY_SIZES
from backend.bench.accuracy.pruning_cells import pruning_cells, run_pruning_cell
from backend.bench.accuracy.pruning_notes import start_notes
from backend.bench.accuracy.pruning_row import PruningRow
from backend.bench.accuracy.table import AccuracyTable
from backend.bench.accuracy.tables.cifar import COLUMNS, DENSE_ROWS
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice

RATES = (2.25, 8.1)
NETS = ("resnet20", "vgg16_cifar", "resnet8")
"""Of these the first that the profile has."""


def _rows(rate: float) -> list[PruningRow]:
    return [
        PruningRow(
            f"{rate:g}x, {size} patterns",
            LayerChoice("pattern", rate, patterns=f"natural-{size}", group=1),
        )
        for size in LIBRARY_SIZES
    ]


def _cells(place: Workplace) -> list[Cell]:
    net = next(net for net in NETS if net in place.profile.nets)
    rows = [row for rate in RATES for row in _rows(rate)]
    timed = [row.title for row in rows]
    return pruning_cells(place, net, [*DENSE_ROWS, *rows], timed=timed)


LIBRARY = AccuracyTable(
    name="library",
    title="Size of the pattern library, CIFAR-10 (JPEG)",
    columns=COLUMNS,
    cells=_cells,
    run=run_pruning_cell,
    baseline="dense",
    notes=start_notes,
)
