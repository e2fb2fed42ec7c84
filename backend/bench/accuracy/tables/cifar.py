"""CIFAR-10: what each scheme costs in accuracy and gives in time, after the same extra training.

Claims to set beside it: no loss at 8x on CIFAR-10 (PatDNN, ASPLOS 2020), a gain from patterns alone
at 2.25x (Ma et al., ECCV 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.plan import pruned_kernel
from backend.bench.accuracy.profile import FULL, TRAINED
from backend.bench.accuracy.pruning_cells import pruning_cells, run_pruning_cell
from backend.bench.accuracy.pruning_notes import claim_notes, start_notes
from backend.bench.accuracy.pruning_row import DENSE, DENSE_START, PruningRow
from backend.bench.accuracy.section import Section
from backend.bench.accuracy.start import known_start
from backend.bench.accuracy.table import AccuracyTable, Column, percent
from backend.bench.accuracy.workplace import Workplace
from backend.sparsity.candidate import LayerChoice

PATTERN, CONNECTIVITY = "pattern 2.25x, per kernel", "pattern + connectivity 8.1x, per kernel"
CONNECTIVITY_8 = "pattern + connectivity 8.1x, groups of 8"

DENSE_ROWS = (
    PruningRow(DENSE_START, is_trained=False),
    PruningRow(DENSE),
)
SHORT_ROWS = (
    PruningRow(PATTERN, LayerChoice("pattern", 2.25, group=1)),
    PruningRow(CONNECTIVITY, LayerChoice("pattern", 8.1, group=1)),
    PruningRow(CONNECTIVITY_8, LayerChoice("pattern", 8.1, group=8)),
)
# Without repair: on layers of 512 filters a solution for each filter takes hours.
TRAINED_ROWS = (
    PruningRow(f"{PATTERN}, magnitude", LayerChoice("pattern", 2.25, group=1), "magnitude"),
    PruningRow(f"{CONNECTIVITY}, magnitude", LayerChoice("pattern", 8.1, group=1), "magnitude"),
    PruningRow(f"{CONNECTIVITY}, ADMM", LayerChoice("pattern", 8.1, group=1), "admm"),
)
FULL_ROWS = (
    *SHORT_ROWS,
    PruningRow("block-punched 4x", LayerChoice("block_punched", 4)),
    PruningRow("block-punched 8x", LayerChoice("block_punched", 8)),
    PruningRow("filter 2x", LayerChoice("filter", 2)),
    PruningRow("filter 4x", LayerChoice("filter", 4)),
    PruningRow("unstructured 8x", LayerChoice("unstructured", 8)),
)
# Nets of 1x1 layers have no 3x3 kernels to draw patterns on: the same rates in blocks.
POINTWISE_ROWS = (
    PruningRow("block-punched 2.25x", LayerChoice("block_punched", 2.25)),
    PruningRow("block-punched 8.1x", LayerChoice("block_punched", 8.1)),
)

COLUMNS = (
    Column("rate", "rate", "{:.2f}x"),
    percent("without training %", "repaired_accuracy"),
    percent("test %", "accuracy", is_paired=True),
    Column("latency ms", "latency_ms", "{:.3f}"),
    Column("speed-up", "speedup", "{:.2f}x"),
    Column("pruning and repair s", "repair_s", "{:.1f}"),
)


def _rows(place: Workplace, net: str) -> Sequence[PruningRow]:
    start = known_start(place, net)
    if start is not None and pruned_kernel(start.graph) != (3, 3):
        return (*DENSE_ROWS, *POINTWISE_ROWS)
    rows = {FULL: FULL_ROWS, TRAINED: TRAINED_ROWS}.get(place.profile.nets[net].rows, SHORT_ROWS)
    return (*DENSE_ROWS, *rows)


def _cells(place: Workplace) -> list[Cell]:
    cells = []
    for net in place.profile.nets:
        rows = _rows(place, net)
        # nets that only training prunes are too large to keep for it; `pattern-sets` times them
        is_kept = place.profile.nets[net].rows != TRAINED
        timed = [row.title for row in rows if is_kept and row.title != DENSE_START]
        cells += pruning_cells(place, net, rows, timed=timed)
    return cells


def _notes(section: Section) -> list[str]:
    return [
        *start_notes(section),
        *claim_notes(
            section,
            {
                CONNECTIVITY: "no loss at 8x on CIFAR-10 (PatDNN, table of top-1 accuracies [MM])",
                PATTERN: "a gain from patterns alone at 2.25x (Ma et al., abstract [S])",
            },
        ),
    ]


CIFAR = AccuracyTable(
    name="cifar",
    title="CIFAR-10 (JPEG): schemes and rates after equal extra training",
    columns=COLUMNS,
    cells=_cells,
    run=run_pruning_cell,
    baseline=DENSE,
    notes=_notes,
)
