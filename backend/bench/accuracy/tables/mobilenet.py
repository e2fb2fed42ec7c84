"""How true a pruned MobileNetV2 stays to the published net: fidelity, not ImageNet accuracy.

One photograph for every second class: every fifth is for the repair, which sees no labels, the
others are for the test. 1x1 layers alone are pruned, in blocks of 8 filters and 1 channel: of a 1x1
kernel compiled code lists channels anyway, so wider blocks would gain nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.bench.accuracy.cell import Cell, Fact
from backend.bench.accuracy.imagenet_samples import ImagenetSamples, holds_samples, load_samples
from backend.bench.accuracy.plan import candidate_of
from backend.bench.accuracy.published_mobilenet import SHA256, published_mobilenet
from backend.bench.accuracy.section import Section
from backend.bench.accuracy.table import AccuracyTable, Column, percent
from backend.bench.accuracy.workplace import Workplace
from backend.search.evaluation_key import EVALUATION_VERSION
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.prune import prune_graph
from backend.sparsity.repair import repair_layers
from backend.sparsity.report import achieved, overall_rate
from backend.training.calibration import calibrate_on
from backend.training.evaluate import predict
from codegen.ir.graph import Graph

NET, DENSE = "mobilenet_v2", "dense"
RATES = (1.5, 2.0, 3.0)
BLOCK = (8, 1)
EVERY = 5
"""Every fifth photograph is for the repair: 100 of 500."""
METHODS = ("magnitude", "magnitude + batch norm", "OBS + least squares")


@dataclass(frozen=True)
class _Work:
    choice: LayerChoice | None
    method: str


def _cells(place: Workplace) -> list[Cell]:
    path = Path(place.spec or "")
    if not holds_samples(path):
        place.say("mobilenet: left out, --data holds no ImageNet samples (IIII_nXXXXXXXX.jpg)")
        return []
    base: dict[str, Fact] = {"weights": SHA256, "photographs": path.name, "every": EVERY}
    cells = [Cell(NET, DENSE, 0, base, _Work(None, ""))]
    for rate in RATES:
        choice = LayerChoice("block_punched", rate, block=BLOCK)
        for method in METHODS:
            facts = base | {"scheme": choice.label, "method": method, "repair": EVALUATION_VERSION}
            cells.append(Cell(NET, f"{rate:g}x: {method}", 0, facts, _Work(choice, method)))
    return cells


def _run(place: Workplace, cell: Cell) -> dict[str, Any]:
    samples = place.remember("photographs", lambda: load_samples(Path(place.spec or "")))
    dense = place.remember("published mobilenet", published_mobilenet)
    tested = np.arange(len(samples.labels)) % EVERY != 0
    images, wanted = samples.images[tested], samples.labels[tested]
    by_dense = place.remember("dense scores", lambda: predict(dense, images).numpy())
    work: _Work = cell.work
    values: dict[str, Any] = {}
    scores = by_dense
    if work.choice is not None:
        graph, values = _pruned(dense, samples, work.choice, work.method)
        scores = predict(graph, images).numpy()
    top = scores.argmax(1)
    right, agreed = top == wanted, top == by_dense.argmax(1)
    ours, theirs = _log_shares(scores), _log_shares(by_dense)
    return values | {
        "top1": float(right.mean()),
        "top1_error": _standard_error(right),
        "agreement": float(agreed.mean()),
        "agreement_error": _standard_error(agreed),
        "divergence": float((np.exp(theirs) * (theirs - ours)).sum(axis=1).mean()),
        "tested": len(wanted),
    }


def _pruned(
    dense: Graph, samples: ImagenetSamples, choice: LayerChoice, method: str
) -> tuple[Graph, dict[str, Any]]:
    candidate = candidate_of(dense, choice)
    calibration = calibrate_on(dense, samples.images[::EVERY])
    begin = time.process_time()
    if method.startswith("magnitude"):
        graph = prune_graph(dense, candidate)
        if method != "magnitude":
            graph = reestimate_batch_norm(graph, calibration.images)
        notes: list[str] = []
    else:
        done = repair_layers(dense, candidate, calibration=calibration)
        graph, notes = done.graph, [f"{row.name}: {row.note}" for row in done.layers if row.note]
    seconds = time.process_time() - begin
    rates = achieved(graph, candidate)
    pruned = [rate for rate in rates if rate.scheme != "dense"]
    return graph, {
        "seconds": seconds,
        "rate": overall_rate(rates),
        "pruned_rate": overall_rate(pruned),
        "pruned_layers": len(pruned),
        "repair_notes": notes,
    }


def _log_shares(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    moved = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)))


def _standard_error(hits: npt.NDArray[np.bool_]) -> float:
    share = float(hits.mean())
    return math.sqrt(share * (1.0 - share) / len(hits))


def _notes(section: Section) -> Sequence[str]:
    tested = section.mean(DENSE, "tested")
    if tested is None:
        return []
    return [
        f"Fidelity on {tested.value:g} labelled photographs, one of every second class: not "
        "ImageNet accuracy. ± is the standard error of the photographs; agreement is the share on "
        "which the pruned net names the dense net's class."
    ]


MOBILENET = AccuracyTable(
    name="mobilenet",
    title="MobileNetV2, published ImageNet weights, 1x1 layers in blocks of 8x1: fidelity",
    columns=(
        percent("top-1 %", "top1"),
        percent("±", "top1_error"),
        percent("agreement %", "agreement"),
        percent("±", "agreement_error"),
        Column("divergence", "divergence", "{:.3f}"),
        Column("rate of these layers", "pruned_rate"),
        Column("CPU s", "seconds", "{:.0f}"),
    ),
    cells=_cells,
    run=_run,
    notes=_notes,
)
