"""The proposer of one of our searches: tables, dense baseline, limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backend.search.problem import Problem
from backend.search.samplers.punchcard.damage_objective import DamageObjective
from backend.search.samplers.punchcard.first_candidates import FirstCandidates
from backend.search.samplers.punchcard.label_traits import label_traits
from backend.search.samplers.punchcard.latency_table import LatencyTable
from backend.search.samplers.punchcard.objective import Objective
from backend.search.samplers.punchcard.options import FloatArray, Options
from backend.search.samplers.punchcard.plain_objective import PlainObjective
from backend.search.samplers.punchcard.proposer import Proposer
from backend.search.samplers.punchcard.situation import Situation

SPREAD_SHARE, SPREAD_LEAST, SPREAD_MOST = 0.15, 4, 8
WORST_LOSS = 0.05
"""Of accuracy: nobody asks for a candidate that loses more, unless the search says so."""
SMALL_LOSS = 0.01
"""Of accuracy: losses below it count in proportion, larger ones by their logarithm."""
SMALL_LATENCY = 0.2
"""Share of the dense latency at which ratios cease to count."""
BY_REFERENCE = ("latency_ms", "accuracy")
"""Limits that the reference point takes care of."""


def search_proposer(options: Options, problem: Problem) -> Proposer:
    """Objectives are minus the accuracy, and milliseconds."""
    damage = options.table(problem.damage)
    traits = label_traits(options, damage)
    table = LatencyTable(options, problem)
    reference = _reference(problem)
    objectives = (
        DamageObjective(options, traits, problem.dense_accuracy, problem.dense_cross_entropy),
        PlainObjective(
            options,
            traits,
            lambda seen: seen.values[:, 1],
            table.expected,
            problem.dense_latency_ms,
        ),
    )

    def constraint(name: str) -> Objective | None:
        if name in BY_REFERENCE:
            return None
        return PlainObjective(options, traits, lambda seen: seen.over[name])

    def first(now: Situation) -> FirstCandidates:
        expected = table.expected(now)
        dense_ms = float(expected.sums(options.first[None])[0])
        slowest = dense_ms * reference[1] / problem.dense_latency_ms
        return FirstCandidates(options, damage, expected, float(reference[0]), slowest)

    return Proposer(
        options,
        objectives,
        constraint,
        lambda now: _within_reach(problem, reference, now),
        _axes(problem),
        _bounds(problem),
        first,
        int(np.clip(round(SPREAD_SHARE * problem.budget), SPREAD_LEAST, SPREAD_MOST)),
    )


def _within_reach(problem: Problem, reference: FloatArray, now: Situation) -> FloatArray:
    """The reference, moved to less accuracy where limits allow nothing better.

    Candidates that lose more than `WORST_LOSS` against the best one within the limits count for
    nothing, unless the search says what does.
    """
    if problem.limits.accuracy is not None or problem.reference_accuracy is not None:
        return reference
    within = now.values[now.is_feasible & (now.values[:, 1] <= reference[1])]
    if not within.size:
        return reference
    return np.array([max(reference[0], within[:, 0].min() + WORST_LOSS), reference[1]])


def _axes(problem: Problem) -> Callable[[FloatArray], FloatArray]:
    """How accuracy and latency count where the search has no reference accuracy.

    From twice to 1.5 times as slow is about as much as from 1.33 to 1, and half a point of accuracy
    matters most where little is lost. With a reference the plain hypervolume is meant. Samples of
    latencies may be below zero, which counts as zero.
    """

    def plain(values: FloatArray) -> FloatArray:
        return np.stack([values[..., 0], np.maximum(values[..., 1], 0.0)], axis=-1)

    def axes(values: FloatArray) -> FloatArray:
        lost = (values[..., 0] + problem.dense_accuracy) / SMALL_LOSS
        lost = np.where(lost > 0, np.log1p(np.maximum(lost, 0.0)), lost)
        share = np.maximum(values[..., 1], 0.0) / problem.dense_latency_ms
        return np.stack([lost, np.log(SMALL_LATENCY + share)], axis=-1)

    return axes if problem.reference_accuracy is None else plain


def _bounds(problem: Problem) -> FloatArray:
    """Limits of the search on its objectives."""
    worst, slowest = problem.limits.accuracy, problem.limits.latency_ms
    return np.array([np.inf if worst is None else -worst, np.inf if slowest is None else slowest])


def _reference(problem: Problem) -> FloatArray:
    """Worst accuracy and latency that still count; limits of the search move it."""
    limits = problem.limits
    worst = problem.reference_accuracy
    if worst is None:
        worst = problem.dense_accuracy - WORST_LOSS
    if limits.accuracy is not None:
        worst = max(worst, limits.accuracy) if problem.reference_accuracy else limits.accuracy
    slowest = problem.dense_latency_ms
    if limits.latency_ms is not None:
        slowest = min(slowest, limits.latency_ms)
    return np.array([-worst, slowest])
