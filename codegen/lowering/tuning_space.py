"""What a tuner may choose from: the layers that have knobs, and the schedules of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.errors import ScheduleError
from codegen.ir.graph import Graph
from codegen.ir.macs import nonzero_macs
from codegen.ir.node import Node
from codegen.ir.shared_positions import shared_positions
from codegen.ir.window_shapes import is_picture
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout_plan import plan_layouts
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.registry import STRATEGIES, candidates, plans
from codegen.schedules.linear_schedule import linear_schedules, plan_linear
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

# Filters that may share positions, widest first; what a signature tells of the zeros.
_RATE_STEPS = 8


@dataclass(frozen=True)
class TunableLayer:
    """A layer with knobs.

    Attributes:
        name: of its node in the optimised graph.
        signature: geometry, fused parts and kind of zeros, as JSON; layers of one signature take
            the same schedule.
        nonzero_macs: its remaining work.
        default: what the cost model chooses.
        choices: every other schedule that fits, cheapest by the model first, with its estimated
            cycles over the default's.
    """

    name: str
    signature: str
    nonzero_macs: int
    default: Schedule
    choices: tuple[tuple[Schedule, float], ...]


def tuning_space(graph: Graph, target: Target, *, is_exact: bool = False) -> list[TunableLayer]:
    """Layers of an optimised graph that have more than one schedule.

    Args:
        graph: as `optimize` leaves it.
        target: whose tiles there are.
        is_exact: as in `lower`.
    """
    context = LoweringContext(graph, target, is_exact=is_exact)
    defaults = plan_layouts(context).convs
    found: list[TunableLayer] = []
    known: dict[str, dict[Schedule, float]] = {}
    for node in graph.nodes:
        if not _has_knobs(context, node):
            continue
        signature = layer_signature(graph, node)
        if signature not in known:
            known[signature] = _choices(context, node)
        costs = known[signature]
        default = defaults[node.name].schedule if node.op == "conv" else _linear(context, node)
        scale = max(costs.get(default, 1.0), 1.0)
        others = ((schedule, cost / scale) for schedule, cost in costs.items())
        choices = tuple(
            sorted(
                ((schedule, cost) for schedule, cost in others if schedule != default),
                key=lambda item: (item[1], item[0].to_json()),
            )
        )
        if choices:
            work = nonzero_macs(graph, node)
            found.append(TunableLayer(node.name, signature, work, default, choices))
    return found


def fitting_schedules(
    graph: Graph, target: Target, tuned: Mapping[str, Schedule], *, is_exact: bool = False
) -> dict[str, Schedule]:
    """Schedules by layer name out of those by signature, where they still fit.

    Args:
        graph: as `optimize` leaves it.
        target: the schedules were tuned for it, perhaps by another version.
        tuned: schedule of each signature.
        is_exact: as in `lower`.
    """
    context = LoweringContext(graph, target, is_exact=is_exact)
    found = {}
    for node in graph.nodes:
        if not tuned or not _has_knobs(context, node):
            continue
        schedule = tuned.get(layer_signature(graph, node))
        if schedule is not None and _cycles(context, node, schedule) is not None:
            found[node.name] = schedule
    return found


def layer_signature(graph: Graph, node: Node) -> str:
    """Geometry, fused parts and kind of zeros of a layer with weights, as JSON.

    Zeros count by their rate (in eighths of a doubling) and by how many neighbouring filters share
    positions, so that another mask of the same scheme finds what was tuned for this one.
    """
    weight = graph.weights[node.weights["weight"]].values
    used = weight.reshape(len(weight), -1) != 0
    rate = used.size / max(1, int(np.count_nonzero(used)))
    shape = graph.type_of(node.inputs[0]).shape
    facts: dict[str, object] = {
        "op": node.op,
        "weight": list(weight.shape),
        "input": list(shape),
        "output": list(node.type.shape),
        "fused": node.text("activation") + ("+add" if len(node.inputs) == 2 else ""),
        "rate": round(2 ** (round(_RATE_STEPS * np.log2(rate)) / _RATE_STEPS), 2),
        "shared": shared_positions(used) if rate > 1 else 1,
    }
    if node.op == "conv":
        facts |= {key: list(node.integers(key)) for key in ("stride", "padding", "dilation")}
        facts["groups"] = node.integer("groups")
    return json.dumps(facts, sort_keys=True)


def _has_knobs(context: LoweringContext, node: Node) -> bool:
    if node.op == "linear":
        return True
    if node.op != "conv" or not is_picture(node.type):
        return False
    return not ConvProblem(context, node).is_single_pixel


def _linear(context: LoweringContext, node: Node) -> Schedule:
    used = context.graph.weights[node.weights["weight"]].values != 0
    return plan_linear(used, context.target)


def _choices(context: LoweringContext, node: Node) -> dict[Schedule, float]:
    """Every schedule that fits, with its estimated cycles."""
    if node.op == "linear":
        return dict.fromkeys(linear_schedules(context.target), 1.0)
    found = {}
    problem = ConvProblem(context, node)
    # Strategies without knobs are a choice too.
    firsts = [s.plan(problem, None) for s in STRATEGIES.values()]
    known = [plan.schedule for plan in firsts if plan is not None]
    for schedule in dict.fromkeys([*known, *candidates(problem)]):
        cycles = _cycles(context, node, schedule)
        if cycles is not None:
            found[schedule] = cycles
    return found


def _cycles(context: LoweringContext, node: Node, schedule: Schedule) -> float | None:
    """Estimated cycles of a schedule, or None where it does not fit."""
    if node.op == "linear":
        return 1.0 if schedule in linear_schedules(context.target) else None
    try:
        # Every strategy takes planes; where blocks of channels are at hand it is no slower.
        found = plans(ConvProblem(context, node), schedule)
    except ScheduleError:
        return None
    return min((plan.cycles for plan in found.values()), default=None)
