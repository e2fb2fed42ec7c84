"""The default sampler: a lambda sweep over two tables, then mutations of the measured front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from backend.search.feedback import Observation, fitted_damage, measured_cost, scheme_of
from backend.search.front import FrontPoint, pareto_front
from backend.search.frontier import FrontierPoint, convex_frontier
from backend.search.problem import Problem, Table
from backend.search.samplers.reseeded import draw_seed

SWEEP_SHARE = 0.6  # of the budget; the rest goes to mutations of what was measured
MUTANTS = 64
WORST_LOSS = 0.05  # of accuracy: nobody asks for a candidate that loses more
Labels = dict[str, str]


def create(seed: int, problem: Problem) -> BaseSampler:
    """The sampler for one search."""
    return PunchcardSampler(seed, problem)


class PunchcardSampler(BaseSampler):
    """Proposes from tables that the finished trials correct.

    First, vertices of the convex front (damage + lambda * cost), each time the one that lies
    farthest from everything tried, so that any budget covers the front evenly. Then mutants of
    the measured front, the one whose predicted point adds most area to it. A proposal is a
    function of the seed, the draw and the stored trials; nothing is proposed twice while
    anything new is in reach.
    """

    def __init__(self, seed: int, problem: Problem) -> None:
        self._seed = seed
        self._problem = problem
        self._draw = 0

    def begin(self, draw: int) -> None:
        """Called before each `ask`, with the number of candidates drawn so far."""
        self._draw = draw

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All searched layers at once: the tables need no first random trials."""
        labels = self._problem.space.labels
        return {name: CategoricalDistribution(menu) for name, menu in labels.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next candidate's labels."""
        if set(search_space) != set(self._problem.space.layers):
            return {}
        tried, seen = self._history(study.get_trials(deepcopy=False))
        random = np.random.default_rng(draw_seed(self._seed, self._draw))
        return self.propose(tried, seen, random)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's signature
        """A parameter that is not a layer of the space: its first category or its low end."""
        if isinstance(param_distribution, CategoricalDistribution):
            return param_distribution.choices[0]
        return getattr(param_distribution, "low", None)

    def propose(
        self, tried: Sequence[Labels], seen: Sequence[Observation], random: np.random.Generator
    ) -> Labels:
        """The next candidate, given every candidate tried and every finished trial."""
        cost = measured_cost(self._problem, seen)
        damage = fitted_damage(self._problem, seen)
        known = {_key(labels) for labels in tried}
        known.add(_key(dict.fromkeys(self._problem.space.layers, "dense")))
        only = self._only_scheme(len(tried))
        frontier = convex_frontier(_of_scheme(damage, only), _of_scheme(cost, only))
        fresh = [point for point in frontier if _key(point.labels) not in known]
        if fresh and len(tried) < SWEEP_SHARE * self._problem.budget:
            useful = [point for point in frontier if point.damage <= WORST_LOSS]
            wanted = [point for point in fresh if point.damage <= WORST_LOSS]
            if wanted:
                return _farthest(wanted, tried, useful, damage, cost)
        mutants = self._mutants(seen or [], random, known)
        pool = [_predict(labels, damage, cost) for labels in mutants] + fresh
        if not pool:
            return self._problem.space.draw(random)
        return dict(self._best_gain(pool, seen).labels)

    def _only_scheme(self, tried: int) -> str | None:
        """Every third proposal of the sweep takes one scheme alone, each in turn.

        The tables may be wrong about a scheme as a whole; what never runs is never corrected.
        """
        labels = self._problem.space.labels.values()
        schemes = sorted({scheme_of(label) for menu in labels for label in menu} - {"dense"})
        if tried % 3 != 2 or tried >= SWEEP_SHARE * self._problem.budget:
            return None
        return schemes[tried // 3 % len(schemes)]

    def _history(self, trials: Sequence[FrozenTrial]) -> tuple[list[Labels], list[Observation]]:
        layers = self._problem.space.layers
        tried, seen = [], []
        for trial in trials:
            if not all(name in trial.params for name in layers):
                continue
            if trial.user_attrs.get("interrupted") or "duplicate_of" in trial.user_attrs:
                continue
            labels = {name: str(trial.params[name]) for name in layers}
            tried.append(labels)
            if trial.state == TrialState.COMPLETE and np.isfinite(trial.values).all():
                accuracy, latency_ms = trial.values
                layer_ms = trial.user_attrs.get("layer_ms") or {}
                seen.append(Observation(labels, accuracy, latency_ms, layer_ms))
        return tried, seen

    def _mutants(
        self, seen: Sequence[Observation], random: np.random.Generator, known: set[tuple[str, ...]]
    ) -> list[Labels]:
        points = [FrontPoint(i, t.accuracy, t.latency_ms) for i, t in enumerate(seen)]
        parents = [dict(seen[point.number].labels) for point in pareto_front(points)]
        if not parents:
            return []
        menus = self._problem.space.labels
        layers = list(menus)
        found: dict[tuple[str, ...], Labels] = {}
        for _ in range(MUTANTS):
            labels = dict(parents[int(random.integers(len(parents)))])
            count = min(int(random.integers(1, 5)), len(layers))
            for index in random.choice(len(layers), size=count, replace=False):
                menu = menus[layers[index]]
                labels[layers[index]] = menu[int(random.integers(len(menu)))]
            if _key(labels) not in known:
                found.setdefault(_key(labels), labels)
        return list(found.values())

    def _best_gain(
        self, pool: Sequence[FrontierPoint], seen: Sequence[Observation]
    ) -> FrontierPoint:
        """The point whose prediction adds the largest area to the measured front."""
        dense_accuracy = self._problem.dense_accuracy
        measured = [(t.latency_ms, t.accuracy) for t in seen]
        # The dense net bounds the area: what is slower or loses too much adds nothing.
        slowest = max([self._problem.dense_latency_ms, *(ms for ms, _ in measured)])
        worst = dense_accuracy - WORST_LOSS
        pool = sorted(pool, key=lambda point: point.damage)  # of equals, the least damage
        overhead = _overhead_ms(self._problem, seen)
        best, best_area = pool[0], -1.0
        for point in pool:
            predicted = (point.cost + overhead, dense_accuracy - point.damage)
            area = _area([*measured, predicted], slowest, worst)
            if area > best_area:
                best, best_area = point, area
        return best


def _of_scheme(table: Table, scheme: str | None) -> Table:
    """The rows of a table with one scheme and dense; all of it where no scheme is named."""
    if scheme is None:
        return table
    return {
        layer: {
            label: value for label, value in row.items() if scheme_of(label) in (scheme, "dense")
        }
        for layer, row in table.items()
    }


def _key(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels[name] for name in sorted(labels))


def _predict(labels: Labels, damage: Table, cost: Table) -> FrontierPoint:
    return FrontierPoint(
        labels,
        sum(damage[layer][label] for layer, label in labels.items()),
        sum(cost[layer][label] for layer, label in labels.items()),
    )


def _farthest(
    fresh: Sequence[FrontierPoint],
    tried: Sequence[Labels],
    frontier: Sequence[FrontierPoint],
    damage: Table,
    cost: Table,
) -> Labels:
    """The vertex farthest from the tried candidates and the dense end, both axes scaled to 1.

    Cost counts by its logarithm: from 4 to 3 times faster is as far as from 1.33 times to none.
    """
    wide = _log_ratio(frontier[0].cost, frontier[-1].cost) or 1.0
    deep = (frontier[-1].damage - frontier[0].damage) or 1.0
    placed = [frontier[0], *(_predict(labels, damage, cost) for labels in tried)]

    def gap(point: FrontierPoint) -> float:
        return min(
            abs(_log_ratio(point.cost, other.cost)) / wide + abs(point.damage - other.damage) / deep
            for other in placed
        )

    return dict(max(fresh, key=gap).labels)


def _overhead_ms(problem: Problem, seen: Sequence[Observation]) -> float:
    """Median of what a run takes beyond its searched layers."""
    rest = [
        trial.latency_ms - sum(trial.layer_ms[name] for name in trial.labels)
        for trial in seen
        if all(name in trial.layer_ms for name in trial.labels)
    ]
    return float(np.median(rest)) if rest else 0.0


def _area(points: Sequence[tuple[float, float]], slowest: float, worst: float) -> float:
    """Area that (log latency, accuracy) points dominate, down to (slowest, worst)."""
    front = pareto_front(FrontPoint(i, acc, ms) for i, (ms, acc) in enumerate(points))
    area, reached = 0.0, worst
    for point in front:
        if point.latency_ms >= slowest or point.accuracy <= reached:
            continue
        area += _log_ratio(slowest, point.latency_ms) * (point.accuracy - reached)
        reached = point.accuracy
    return area


def _log_ratio(a_ms: float, b_ms: float) -> float:
    return math.log(max(a_ms, 1e-9) / max(b_ms, 1e-9))
