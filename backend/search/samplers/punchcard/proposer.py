"""The next candidate: first spread along the tables' front, then by expected hypervolume."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backend.search.samplers.punchcard.belief import Belief
from backend.search.samplers.punchcard.first_candidates import FirstCandidates
from backend.search.samplers.punchcard.hypervolume import gains
from backend.search.samplers.punchcard.objective import Form, Objective
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options
from backend.search.samplers.punchcard.pool import crossovers, exact_front, mutants, neighbours_of
from backend.search.samplers.punchcard.situation import Situation, not_dominated

SAMPLES = 48
DRAWS = 6
"""Samples whose exact front enters the pool, beside that of the means."""
CHILDREN = 128
"""Mutants of the front, and as many crossovers."""
ROUNDS = 2
"""First the pool, then all neighbours of its best one."""
MODEL_TRIALS = 512
EVIDENCE_TRIALS = 128
SURE = 0.8
"""Share of samples in which a candidate has to keep every limit, while some candidate does."""
UNIFORM = 8
"""Uniform draws to begin with where there are no tables."""


class Proposer:
    """Chooses candidates for one study.

    Args:
        objectives: in the order of the study's.
        constraint: by the name under which trials report it; None: it needs no look, since the
            reference point or the bounds take care of it.
        reference_of: (objectives,) the point that bounds the hypervolume, in a situation.
        axes: how objectives (..., objectives) count in the hypervolume; rising in each.
        bounds: (objectives,) limits that the study's user set on the objectives themselves.
        first: where to begin; None: uniform draws.
        spread: how many candidates `first` chooses.
    """

    def __init__(
        self,
        options: Options,
        objectives: Sequence[Objective],
        constraint: Callable[[str], Objective | None],
        reference_of: Callable[[Situation], FloatArray],
        axes: Callable[[FloatArray], FloatArray] = lambda values: values,
        bounds: FloatArray | None = None,
        first: Callable[[Situation], FirstCandidates] | None = None,
        spread: int = UNIFORM,
    ) -> None:
        self.options = options
        self._objectives = objectives
        self._constraint = constraint
        self._reference_of = reference_of
        self._axes = axes
        self._bounds = np.full(len(objectives), np.inf) if bounds is None else bounds
        self._first = first
        self._spread = spread
        self._forms: dict[object, Form] = {}

    def propose(self, now: Situation, random: np.random.Generator) -> IntArray:
        """Columns of the next candidate."""
        row = self._begin(now, random)
        if row is not None:
            return row
        seen = now.at_most(MODEL_TRIALS)
        beliefs = [
            self._belief(f"objective {i}", objective, now, seen, random)
            for i, objective in enumerate(self._objectives)
        ]
        limits = [
            self._belief(name, constraint, now, seen, random)
            for name in now.over
            if (constraint := self._constraint(name)) is not None
        ]
        return self._best(now, beliefs, limits, random)

    def _begin(self, now: Situation, random: np.random.Generator) -> IntArray | None:
        begun = now.finished + now.pending.shape[0]
        if begun >= self._spread and now.finished >= 2:
            return None
        if self._first is not None:
            row = self._first(now).next(now)
            if row is not None or now.finished >= 2:
                return row
        return self._any(now, random)

    def _belief(
        self,
        name: str,
        objective: Objective,
        now: Situation,
        seen: Situation,
        random: np.random.Generator,
    ) -> Belief:
        early = now.at(slice(_checkpoint(now.finished))).at_most(EVIDENCE_TRIALS)
        key = (name, early.rows.tobytes(), early.values.tobytes())
        if key not in self._forms:
            self._forms[key] = objective.form(early)
        return objective.belief(self._forms[key], seen, random, SAMPLES)

    def _best(
        self,
        now: Situation,
        beliefs: Sequence[Belief],
        limits: Sequence[Belief],
        random: np.random.Generator,
    ) -> IntArray:
        options = self.options
        parents = now.rows[not_dominated(now.values)]
        fronts = [exact_front(options, beliefs, draw) for draw in (None, *range(DRAWS))]
        children = [
            mutants(options, parents, CHILDREN, random),
            crossovers(parents, CHILDREN, random),
        ]
        rows = now.new_ones(np.concatenate([*fronts, *children]))
        judge = _Judge(now, beliefs, limits, self._reference_of(now), self._axes, self._bounds)
        best, best_score = None, -np.inf
        for _ in range(ROUNDS):
            if not rows.size:
                break
            score = judge.scores(rows)
            if score.max() <= best_score:
                break
            best, best_score = rows[score.argmax()], float(score.max())
            rows = now.new_ones(neighbours_of(options, best))
        return self._any(now, random) if best is None else best

    def _any(self, now: Situation, random: np.random.Generator) -> IntArray:
        rows = self.options.draw(random, 64)
        new = now.new_ones(rows)
        return np.asarray(new[0] if new.size else rows[0])


class _Judge:
    """Scores candidates by the hypervolume they are expected to add within all limits."""

    def __init__(
        self,
        now: Situation,
        beliefs: Sequence[Belief],
        limits: Sequence[Belief],
        reference: FloatArray,
        axes: Callable[[FloatArray], FloatArray],
        bounds: FloatArray,
    ) -> None:
        self._axes = axes
        self._bounds = bounds
        self._beliefs = beliefs
        self._limits = limits
        self._reference = reference
        self._points = now.values[now.is_feasible]
        self._fantasies: FloatArray | None = None
        if now.pending.size:
            self._fantasies = np.stack([b.values(now.pending) for b in beliefs], axis=-1)

    def scores(self, rows: IntArray) -> FloatArray:
        """Mean gain over samples; where no sample gains, minus how far from gaining it is.

        Running trials are taken to end as each sample says, so that parallel workers do not get
        the same thing.
        """
        values = np.stack([belief.values(rows) for belief in self._beliefs], axis=-1)
        gain = self._gains(values)
        over = np.zeros_like(gain)
        for limit in self._limits:
            excess = limit.values(rows)
            over += np.maximum(excess, 0.0) / (float(np.abs(excess).max()) or 1.0)
        is_within = (over <= 0) & (values <= self._bounds).all(axis=-1)
        score: FloatArray = np.where(over > 0, 0.0, gain).mean(axis=0)
        safe = np.where(is_within.mean(axis=0) >= SURE, score, 0.0)
        if safe.max() > 0:
            return np.asarray(safe)
        if score.max() > 0:
            return score
        beyond = np.maximum(values - self._reference, 0.0) / np.maximum(
            np.ptp(values, axis=(0, 1)), 1e-12
        )
        return np.asarray(-(beyond.sum(axis=-1) + over).mean(axis=0))

    def _gains(self, values: FloatArray) -> FloatArray:
        axes = self._axes
        pool, points, reference = axes(values), axes(self._points), axes(self._reference)
        if self._fantasies is None:
            return gains(pool, points, reference)
        return np.stack(
            [
                gains(mine, np.concatenate([points, ends]), reference)
                for mine, ends in zip(pool, axes(self._fantasies), strict=True)
            ]
        )


def _checkpoint(finished: int) -> int:
    """How many of the finished trials decide the forms.

    The count grows by steps of a quarter, so that evidence is maximised seldom.
    """
    count = 2
    while (following := count + max(count // 4, 1)) <= finished:
        count = following
    return count
