"""A learner for a net and a space, before anything of it was measured, or with a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.latency.cross_validation import cross_validated
from backend.latency.layer_menus import LayerMenus
from backend.latency.learner import LatencyLearner
from backend.latency.measured_run import CHECK, FIT
from backend.latency.model import LatencyModel
from backend.latency.prediction_error import PredictionError
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
    return LatencyLearner(
        menus, StepOwners.of(graph, labels), source="no table: learnt in the search"
    )


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


def table_error(
    graph: Graph, labels: Mapping[str, Sequence[str]], table: LatencyTable
) -> PredictionError | None:
    """Error of a table's predictions for a net.

    Fresh candidates that were measured to check the table count before cross-validation over the
    programs it was made of.
    """
    net = net_digest(layer_signatures(graph, labels))
    return checked_error(table, net) or cross_validated(new_learner(graph, labels), table, net)


def checked_error(table: LatencyTable, net: str) -> PredictionError | None:
    """Error of the predictions that were made before their candidates were measured."""
    runs = [run for run in table.runs_of(CHECK, net) if run.predicted_ms is not None]
    return PredictionError.of(
        [run.predicted_ms or 0.0 for run in runs], [run.latency_ms for run in runs]
    )
