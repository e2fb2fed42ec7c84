"""A learner for a net and a space, before anything of it was measured, or with a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backend.latency.cross_validation import cross_validated
from backend.latency.layer_menus import LayerMenus
from backend.latency.learner import LatencyLearner
from backend.latency.measured_run import CHECK, FIT
from backend.latency.model import LatencyModel
from backend.latency.signature import layer_signatures, net_digest
from backend.latency.step_owners import StepOwners
from backend.latency.table import LatencyTable
from codegen.ir.graph import Graph

NO_TABLE = "no table: learnt in the search"


def new_learner(graph: Graph, labels: Mapping[str, Sequence[str]]) -> LatencyLearner:
    """A learner that only guesses.

    Args:
        graph: the dense net.
        labels: menus of its searched layers, in the order of the graph.
    """
    menus = LayerMenus(labels, layer_signatures(graph, labels))
    return LatencyLearner(menus, StepOwners.of(graph, labels), source=NO_TABLE)


def table_learner(
    graph: Graph, labels: Mapping[str, Sequence[str]], table: LatencyTable
) -> LatencyLearner:
    """A learner that knows a table."""
    learner = new_learner(graph, labels).taught_runs(table, table.runs_of(FIT))
    name = table.device.get("name") or "a device"
    learner.source = f"table of {name}: {learner.programs} programs"
    known = table.nets.get(net_digest(layer_signatures(graph, labels)))
    learner.dense_ms = None if known is None else known.dense_ms
    return learner


def table_model(
    graph: Graph, labels: Mapping[str, Sequence[str]], table: LatencyTable
) -> LatencyModel:
    """What a table predicts, without its error."""
    return table_learner(graph, labels, table).model()


def table_pairs(
    graph: Graph, labels: Mapping[str, Sequence[str]], table: LatencyTable
) -> list[tuple[float, float]]:
    """(predicted, measured) milliseconds of candidates of a net that were not learnt from.

    Fresh candidates that were measured to check the table count before cross-validation over the
    programs it was made of; what a build found of the latter is kept in the table.
    """
    net = net_digest(layer_signatures(graph, labels))
    kept = checked_pairs(table, net) or kept_pairs(table, net)
    return kept or cross_validated(new_learner(graph, labels), table, net)


def checked_pairs(table: LatencyTable, net: str) -> list[tuple[float, float]]:
    """Predictions that were made before their candidates were measured, with what was."""
    return [
        (run.predicted_ms, run.latency_ms)
        for run in table.runs_of(CHECK, net)
        if run.predicted_ms is not None
    ]


def kept_pairs(table: LatencyTable, net: str) -> list[tuple[float, float]]:
    """What cross-validation found at the end of the last build, where it still holds."""
    noted = table.notes.get("cross_validation", {}).get(net, {})
    if noted.get("programs") != len(table.runs_of(FIT)):
        return []
    return [(float(predicted), float(measured)) for predicted, measured in noted["pairs"]]


def with_cross_validation(
    graph: Graph, labels: Mapping[str, Sequence[str]], table: LatencyTable
) -> LatencyTable:
    """The table with what cross-validation over its programs finds for a net."""
    net = net_digest(layer_signatures(graph, labels))
    if kept_pairs(table, net):
        return table
    pairs = cross_validated(new_learner(graph, labels), table, net)
    rounded = [[round(predicted, 7), measured] for predicted, measured in pairs]
    known = dict(table.notes.get("cross_validation", {}))
    known[net] = {"programs": len(table.runs_of(FIT)), "pairs": rounded}
    return replace(table, notes={**table.notes, "cross_validation": known})
