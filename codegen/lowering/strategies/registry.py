"""Every way to lower a convolution, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from codegen.errors import ScheduleError
from codegen.lowering.strategies.depthwise import DEPTHWISE
from codegen.lowering.strategies.depthwise_rows import DEPTHWISE_ROWS_STRATEGY
from codegen.lowering.strategies.grouped import GROUPED
from codegen.lowering.strategies.pattern import PATTERN
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.lowering.strategies.winograd import WINOGRAD_STRATEGY
from codegen.schedules.schedule import Schedule

STRATEGIES: Mapping[str, ConvStrategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (GROUPED, PATTERN, DEPTHWISE, DEPTHWISE_ROWS_STRATEGY, WINOGRAD_STRATEGY)
    }
)
"""By the format of their schedules; where two cost the same the earlier one is taken."""


def choose(problem: ConvProblem, wanted: Schedule | None) -> ConvPlan:
    """The cheapest plan by the cost model, or the wanted one.

    Raises:
        ScheduleError: the wanted schedule fits neither the layer nor the target.
    """
    if wanted is not None and wanted.format not in STRATEGIES:
        msg = f"layer {problem.node.name} cannot take format {wanted.format!r}"
        raise ScheduleError(msg)
    tried = STRATEGIES.values() if wanted is None else (STRATEGIES[wanted.format],)
    plans = [plan for strategy in tried if (plan := strategy.plan(problem, wanted)) is not None]
    if not plans:
        msg = f"schedule {wanted} does not fit layer {problem.node.name}"
        raise ScheduleError(msg)
    return min(plans, key=lambda plan: plan.cycles)


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every schedule that some strategy would follow for this layer: the tuner's space."""
    return [
        schedule
        for strategy in STRATEGIES.values()
        if strategy.plan(problem, None) is not None
        for schedule in strategy.candidates(problem)
    ]
