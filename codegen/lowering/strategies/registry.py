"""Every way to lower a convolution, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from codegen.errors import ScheduleError
from codegen.lowering.layout import Kind
from codegen.lowering.strategies.blocked import BLOCKED, BLOCKED_DEPTHWISE_CONV
from codegen.lowering.strategies.compact import COMPACT
from codegen.lowering.strategies.dense import DENSE
from codegen.lowering.strategies.depthwise import DEPTHWISE
from codegen.lowering.strategies.depthwise_rows import DEPTHWISE_ROWS_STRATEGY
from codegen.lowering.strategies.grouped import GROUPED
from codegen.lowering.strategies.pattern import PATTERN
from codegen.lowering.strategies.pattern_rows import PATTERN_ROWS_STRATEGY
from codegen.lowering.strategies.problem import ConvProblem
from codegen.lowering.strategies.runs import RUNS
from codegen.lowering.strategies.strategy import ConvPlan, ConvStrategy
from codegen.lowering.strategies.winograd import WINOGRAD_BLOCKED_STRATEGY, WINOGRAD_STRATEGY
from codegen.schedules.schedule import Schedule

STRATEGIES: Mapping[str, ConvStrategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            GROUPED,
            COMPACT,
            PATTERN,
            PATTERN_ROWS_STRATEGY,
            RUNS,
            DEPTHWISE,
            DEPTHWISE_ROWS_STRATEGY,
            WINOGRAD_STRATEGY,
            WINOGRAD_BLOCKED_STRATEGY,
            BLOCKED,
            BLOCKED_DEPTHWISE_CONV,
            DENSE,
        )
    }
)
"""By the format of their schedules; where two cost the same the earlier one is taken."""


def plans(problem: ConvProblem, wanted: Schedule | None) -> dict[Kind, ConvPlan]:
    """The cheapest plan by the cost model for each way the output may lie, or the wanted one.

    Empty where no strategy takes the input as it lies.

    Raises:
        ScheduleError: the wanted schedule names no strategy, or no tile of the target.
    """
    if wanted is not None and wanted.format not in STRATEGIES:
        msg = f"layer {problem.node.name} cannot take format {wanted.format!r}"
        raise ScheduleError(msg)
    tried = STRATEGIES.values() if wanted is None else (STRATEGIES[wanted.format],)
    found: dict[Kind, ConvPlan] = {}
    for strategy in tried:
        if strategy.writes == "planar" and problem.reads == "blocked":
            continue
        plan = strategy.plan(problem, wanted)
        if plan is None:
            continue
        if strategy.writes not in found or plan.cycles < found[strategy.writes].cycles:
            found[strategy.writes] = plan
    return found


def candidates(problem: ConvProblem) -> list[Schedule]:
    """Every schedule that some strategy would follow for this layer: the tuner's space."""
    return [
        schedule
        for strategy in STRATEGIES.values()
        if strategy.plan(problem, None) is not None
        for schedule in strategy.candidates(problem)
    ]
