"""What pruning costs without any training and without labels, step by step of the repair.

ResNet-20 on the sample that is shipped, or on the data that are named. Every 3x3 layer but the
first is pruned at one rate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.bench.accuracy.cell import Cell, Fact
from backend.bench.accuracy.plan import candidate_of
from backend.bench.accuracy.section import Section
from backend.bench.accuracy.start import known_start
from backend.bench.accuracy.table import AccuracyTable, Column, percent
from backend.bench.accuracy.tables.library import NETS
from backend.bench.accuracy.workplace import Workplace
from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.data.splits import SAMPLE_NAME, split_validation
from backend.models.zoo import trained_model
from backend.search.evaluation_key import EVALUATION_VERSION
from backend.sparsity.allocation import share_out
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.prune import prune_graph
from backend.sparsity.repair import repair
from backend.sparsity.report import achieved, overall_rate
from backend.training.calibration import calibrate_on
from backend.training.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.macs import nonzero_macs

SAMPLE_NET, DENSE = "resnet20", "dense"
IMAGES = 512
SEEDS = (0, 1, 2)
"""Seed 0 takes the first training images, the others draw theirs."""


@dataclass(frozen=True)
class Kind:
    """One kind of structure, and what is asked of it on the sample.

    Attributes:
        title: as it is printed.
        choice: of every pruned layer.
        must: points that may be lost to the dense net, by the default repair.
        goal: points that should not be lost.
    """

    title: str
    choice: LayerChoice
    must: float | None = None
    goal: float | None = None


@dataclass(frozen=True)
class Method:
    """How a pruned net is recovered.

    Attributes:
        title: as it is printed.
        select: what chooses masks.
        is_refitted: whether kept weights are solved by least squares.
        is_measured: whether batch norm is measured again.
        is_shared_out: whether layers have rates of their own, at the same number of weights.
    """

    title: str
    select: str = "magnitude"
    is_refitted: bool = False
    is_measured: bool = False
    is_shared_out: bool = False

    @property
    def is_random(self) -> bool:
        """Whether images decide anything."""
        return self.is_refitted or self.is_measured


KINDS = (
    Kind("pattern 2.25x", LayerChoice("pattern", 2.25, group=1), 1.0, 0.5),
    Kind("pattern 2.25x, groups of 8", LayerChoice("pattern", 2.25, group=8)),
    Kind("pattern 8.1x", LayerChoice("pattern", 8.1, group=1), 3.0, 1.5),
    Kind("pattern 8.1x, groups of 8", LayerChoice("pattern", 8.1, group=8), 8.5, 5.0),
    Kind("block 4x", LayerChoice("block_punched", 4.0, block=(8, 4)), 3.0, 1.5),
    Kind("block 8x", LayerChoice("block_punched", 8.0, block=(8, 4))),
    Kind("filter 2x", LayerChoice("filter", 2.0)),
    Kind("unstructured 8x", LayerChoice("unstructured", 8.0)),
)
DEFAULT = Method("OBS + least squares", "obs", is_refitted=True)
BY_LAYER = Method("rates by layer, OBS + least squares", "obs", True, is_shared_out=True)
METHODS = (
    Method("magnitude"),
    Method("magnitude + batch norm", is_measured=True),
    Method("magnitude + least squares", is_refitted=True),
    DEFAULT,
    Method("OBS + least squares + batch norm", "obs", is_refitted=True, is_measured=True),
    BY_LAYER,
)


@dataclass(frozen=True)
class _Work:
    kind: Kind | None
    method: Method | None


def _data(place: Workplace) -> ImageData:
    if place.spec is not None:
        return place.data
    return place.remember("the sample", lambda: open_data(SAMPLE_NAME))


def _dense(place: Workplace) -> tuple[str, Graph] | None:
    """Name and graph of the dense net; None where it has not been trained yet."""
    if _data(place).name == SAMPLE_NAME:
        shipped = place.remember("the sample's net", lambda: trained_model(SAMPLE_NET))
        return SAMPLE_NET, shipped
    net = next(net for net in NETS if net in place.profile.nets)
    start = known_start(place, net)
    return None if start is None else (net, start.graph)


def _cells(place: Workplace) -> list[Cell]:
    data, found = _data(place), _dense(place)
    if found is None:
        place.say("one-shot: left out, there is no dense start yet: run --table cifar first")
        return []
    dense = found[1]
    net = f"{found[0]}, {data.name}"
    base: dict[str, Fact] = {"start": dense.digest, "data": data.digest, "training": "none"}
    cells = [Cell(net, DENSE, 0, base, _Work(None, None))]
    for kind in KINDS:
        for method in METHODS:
            if method.is_shared_out and kind.choice.scheme == "filter":
                continue
            facts = base | {"scheme": kind.choice.label, "method": method.title}
            if method.is_random:
                facts |= {"images": IMAGES, "repair": EVALUATION_VERSION}
            for seed in SEEDS if method is DEFAULT and kind.must is not None else SEEDS[:1]:
                title = f"{kind.title}: {method.title}"
                cells.append(Cell(net, title, seed, facts, _Work(kind, method)))
    # with one seed all rows are there before any has its second
    return sorted(cells, key=lambda cell: cell.seed)


def _run(place: Workplace, cell: Cell) -> dict[str, Any]:
    data, found, work = _data(place), _dense(place), cell.work
    assert found is not None, cell.title
    dense = found[1]
    values: dict[str, Any] = {}
    graph = dense
    if work.kind is not None:
        graph, values = _pruned(dense, data, work.kind, work.method, cell.seed)
    test = evaluate(graph, data.test_images, data.test_labels)
    known = place.remember(
        f"accuracy of {dense.digest}",
        lambda: test if graph is dense else evaluate(dense, data.test_images, data.test_labels),
    )
    if work.kind is not None:
        values["lost"] = known.accuracy - test.accuracy
    return values | {"accuracy": test.accuracy, "loss": test.loss, "graph_digest": graph.digest}


def _pruned(
    dense: Graph, data: ImageData, kind: Kind, method: Method, seed: int
) -> tuple[Graph, dict[str, Any]]:
    indices = split_validation(data).train_indices
    if seed:
        indices = np.random.default_rng(seed).permutation(indices)
    candidate = candidate_of(dense, kind.choice)
    # the dense net's targets are the same for all candidates of a search: not counted
    calibration = calibrate_on(dense, data.train_images[indices[:IMAGES]])
    begin = time.process_time()
    if method.is_shared_out:
        candidate = share_out(calibration, candidate, select=method.select)
    if method.is_refitted:
        graph = repair(dense, candidate, select=method.select, calibration=calibration)
    else:
        graph = prune_graph(dense, candidate)
    if method.is_measured:
        graph = reestimate_batch_norm(graph, calibration.images)
    seconds = time.process_time() - begin
    values: dict[str, Any] = {"seconds": seconds}
    if method is DEFAULT:
        values |= {"must": kind.must, "goal": kind.goal}
    rates = achieved(graph, candidate)
    pruned = [rate for rate in rates if rate.scheme != "dense"]
    values["macs_rate"] = _macs_rate(dense, graph)
    return graph, values | {"rate": overall_rate(rates), "pruned_rate": overall_rate(pruned)}


def _macs_rate(dense: Graph, graph: Graph) -> float:
    """Multiplications of the dense net divided by those with weights that stay."""
    before, after = (sum(nonzero_macs(net, node) for node in net.nodes) for net in (dense, graph))
    return before / after


def verdicts(section: Section) -> Sequence[str]:
    """What was asked of the default repair on the sample, beside what it does."""
    if not section.net.endswith(f", {SAMPLE_NAME}"):
        return []
    lines = []
    for kind in KINDS:
        found = section.mean(f"{kind.title}: {DEFAULT.title}", "lost")
        if found is None or kind.must is None or kind.goal is None:
            continue
        lost = 100 * found.value
        word = "goal reached" if lost <= kind.goal else "reached" if lost <= kind.must else "MISSED"
        lines.append(
            f"{kind.title}: {lost:.2f} points lost, at most {kind.must:g} asked "
            f"(goal {kind.goal:g}): {word}."
        )
    return lines


ONE_SHOT = AccuracyTable(
    name="one-shot",
    title="One-shot pruning without training and without labels",
    columns=(
        percent("test %", "accuracy"),
        percent("points lost", "lost"),
        Column("loss", "loss", "{:.4f}"),
        Column("CPU s", "seconds", "{:.1f}"),
        Column("rate of these layers", "pruned_rate"),
        Column("fewer MACs", "macs_rate"),
        Column("must lose at most", "must", "{:g}"),
        Column("goal", "goal", "{:g}"),
    ),
    cells=_cells,
    run=_run,
    notes=verdicts,
    needs_data=False,
)
