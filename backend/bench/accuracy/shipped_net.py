"""The net of a finished row as a small file to ship: float16, with a JSON that says what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.pruning_row import PruningRow
from backend.bench.accuracy.pruning_run import net_of_row
from backend.bench.accuracy.start import SHIPPED, known_start
from backend.bench.accuracy.workplace import Workplace
from backend.bench.errors import BenchError
from backend.storage.artifacts import write_whole
from backend.training.evaluate import evaluate
from codegen.ir.storage import load_graph, save_graph


def ship_net(place: Workplace, cell: Cell, record: Mapping[str, Any], folder: Path) -> Path:
    """Write a row's net, and its accuracy as it is stored.

    Raises:
        BenchError: the cell is none of a pruned net.
    """
    row, start = cell.work, known_start(place, cell.net)
    if not isinstance(row, PruningRow) or start is None:
        msg = f"{cell.title} leaves no net to write"
        raise BenchError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{cell.net}-{SHIPPED}-{_slug(row)}.safetensors"
    save_graph(net_of_row(place, cell, start), path, half=True)
    stored, data = load_graph(path), place.data
    report = {
        "command": "punchcard bench accuracy --data PATH "
        f"--table {record['table']} --rows {cell.row!r} --seeds {cell.seed} --weights DIR",
        "row": cell.row,
        "facts": dict(cell.facts),
        "commit": record["commit"],
        "torch": record["torch"],
        "test": asdict(evaluate(stored, data.test_images, data.test_labels)),
        "rate": record["values"]["rate"],
        "graph_digest": stored.digest,
    }
    write_whole(
        path.with_suffix(".json"), (json.dumps(report, indent=2) + "\n").encode(), mode=0o644
    )
    return path


def _slug(row: PruningRow) -> str:
    if row.choice is None:
        return "dense"
    parts = [row.choice.scheme, f"{row.choice.rate:g}"]
    if row.choice.scheme == "pattern" and row.choice.group > 1:
        parts.append(f"g{row.choice.group}")
    return "-".join(parts)
