"""A strategy: one way to lower a convolution, judged by cost before it is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen.lowering.layout import Kind
from codegen.lowering.program import Storage
from codegen.lowering.strategies.problem import ConvProblem
from codegen.schedules.schedule import Schedule


@dataclass(frozen=True, eq=False)
class ConvPlan:
    """What a strategy would do with one convolution.

    Attributes:
        schedule: the decisions, as data; its `format` is the strategy's name.
        cycles: estimated cycles of one run on one thread of the target.
        emit: adds the steps and returns where the output lies; called at most once.
    """

    schedule: Schedule
    cycles: float
    emit: Callable[[], Storage]


def no_candidates(_problem: ConvProblem) -> Sequence[Schedule]:
    """For strategies without knobs."""
    return ()


@dataclass(frozen=True)
class ConvStrategy:
    """A row of the strategy registry.

    Attributes:
        name: the `format` of its schedules.
        plan: the cheapest plan by the cost model, or the one that a wanted schedule (of this
            format) describes; None where the strategy does not fit the problem. Must not emit.
            Raises ScheduleError for a wanted schedule that the target has no tile for.
        candidates: schedules worth measuring, for the tuner.
        writes: how its output lies; a residual lies alike.
    """

    name: str
    plan: Callable[[ConvProblem, Schedule | None], ConvPlan | None]
    candidates: Callable[[ConvProblem], Sequence[Schedule]] = no_candidates
    writes: Kind = "planar"
