"""Limits that no candidate of the space can keep, told before candidates are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.config.search_file import Training
from backend.models.filter_types import FILTER_TYPES, layer_of
from backend.search.preparation import Prepared
from backend.search.problem import Problem
from backend.search.records import SearchError
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prune_graph
from codegen.compiler import generate
from codegen.errors import PunchcardError
from codegen.ir.graph import Graph
from codegen.targets.registry import load_target

SLACK = 0.9
"""A limit is refused below this share of what the smallest candidate needs: it is chosen by its
weights layer by layer, and another one may share more."""

GUESS_SLACK = 0.5  # the same for a latency that no table stands behind
ERRORS = 4  # median errors of the table, or standard errors of the accuracy, that are allowed for
BETTER_THAN_DENSE = 0.02  # accuracy that pruning may add: it regularises a little


def refuse_unreachable(prepared: Prepared, target: str) -> None:
    """Refuse limits of size, memory and latency that nothing in the space can keep.

    The smallest candidate (magnitude masks, no training) is lowered for the target: weights and
    arena are exact. Latency is judged here where a measured table stands behind the model; without
    one `refuse_after_baseline` does it.

    Raises:
        SearchError: names every such limit and what is the least that can be reached.
    """
    limits = prepared.problem.limits
    found: list[str] = []
    if limits.size_bytes is not None or limits.memory_bytes is not None:
        found += _too_small(prepared, target)
    model = prepared.problem.latency
    if limits.latency_ms is not None and model is not None and model.error is not None:
        fastest = model.predict_ms(_fastest(prepared.problem))
        slack = max(GUESS_SLACK, 1.0 - ERRORS * model.error.median)
        found += _too_fast(limits.latency_ms, fastest, slack, "by the device's latency table")
    _refuse(found)


def refuse_after_baseline(problem: Problem, dense: Mapping[str, Any], training: Training) -> None:
    """Refuse a floor of accuracy or a latency that the measured baseline shows to be unreachable.

    The floor is judged where the baseline was trained as long as candidates are in the end.

    Raises:
        SearchError: names every such limit.
    """
    limits = problem.limits
    found: list[str] = []
    last = str(len(training.rungs) - 1)
    is_final = not training.rungs or last in dense.get("rungs", {})
    if limits.accuracy is not None and is_final:
        margin = max(BETTER_THAN_DENSE, ERRORS * (dense.get("accuracy_se") or 0.0))
        if limits.accuracy > dense["accuracy"] + margin:
            found.append(
                f"accuracy at least {limits.accuracy:.2%} cannot be reached: the dense net, "
                f"trained as long, has {dense['accuracy']:.2%}; pruning does not add {margin:.1%}"
            )
    if limits.latency_ms is not None and problem.latency is not None:
        fastest = problem.latency.predict_ms(_fastest(problem))
        words = f"by its layers' times (dense: {dense['latency_ms']:.3g} ms)"
        found += _too_fast(limits.latency_ms, fastest, GUESS_SLACK, words)
    _refuse(found)


def _refuse(found: list[str]) -> None:
    if found:
        msg = f"no candidate can keep the constraints: {'; '.join(found)}"
        raise SearchError(msg)


def _too_fast(limit_ms: float, fastest_ms: float, slack: float, words: str) -> list[str]:
    if limit_ms >= slack * fastest_ms:
        return []
    return [
        f"latency_ms {limit_ms:g} cannot be reached: the fastest candidate of the space takes "
        f"about {fastest_ms:.3g} ms {words}; widen the space or raise the limit"
    ]


def _too_small(prepared: Prepared, target: str) -> list[str]:
    limits = prepared.problem.limits
    try:
        graph = prune_graph(
            prepared.graph, smallest_candidate(prepared), pattern_sets=prepared.pattern_sets
        )
        manifest = generate(graph, load_target(target)).manifest
    except PunchcardError:
        return []  # what cannot be built cannot be a bound
    weights, arena = int(manifest["weights_bytes"]), int(manifest["arena_bytes"])
    found = []
    if limits.size_bytes is not None and limits.size_bytes < SLACK * weights:
        found.append(
            f"size_bytes {limits.size_bytes:,} cannot be reached: the smallest candidate of the "
            f"space packs into {weights:,} bytes"
        )
    if limits.memory_bytes is not None and limits.memory_bytes < SLACK * (weights + arena):
        found.append(
            f"memory_bytes {limits.memory_bytes:,} cannot be reached: the smallest candidate needs "
            f"{weights + arena:,} bytes, {arena:,} of them for what flows between its layers, "
            "which pruning hardly changes"
        )
    return found


def smallest_candidate(prepared: Prepared) -> Candidate:
    """The choice with the fewest weights in each layer."""
    graph = prepared.graph
    return Candidate.of(
        {
            name: min(menu, key=lambda choice: _kept(graph, name, choice))
            for name, menu in prepared.space.menus
        }
    )


def _kept(graph: Graph, layer: str, choice: LayerChoice) -> float:
    node = graph.by_name[layer]
    if choice.filter_type == "keep":
        return graph.weights[node.weights["weight"]].values.size / choice.rate
    pieces = FILTER_TYPES[choice.filter_type].pieces(layer_of(graph, node), start=False)
    return sum(piece.weight.size for piece in pieces) / choice.rate


def _fastest(problem: Problem) -> dict[str, str]:
    """Labels of the least unary time in each layer."""
    table = problem.cost if problem.latency is None else problem.latency.unary
    return {layer: min(row, key=row.__getitem__) for layer, row in table.items()}
