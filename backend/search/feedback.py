"""What finished trials teach: tables corrected by measured layer times and accuracies."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.search.problem import Problem, Table


@dataclass(frozen=True)
class Observation:
    """One finished trial."""

    labels: Mapping[str, str]
    accuracy: float
    latency_ms: float
    layer_ms: Mapping[str, float] = field(default_factory=dict)


def scheme_of(label: str) -> str:
    """The scheme a label starts with."""
    return label.partition("/")[0]


def measured_cost(problem: Problem, seen: Sequence[Observation]) -> Table:
    """The cost table with measured times in place of guesses.

    A choice that ran takes the median of its times in that layer; the others keep their guess,
    scaled by the median of measured to guessed over the choices of the same scheme.
    """
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for layer, ms in problem.dense_layer_ms.items():
        times[layer, "dense"].append(ms)
    for trial in seen:
        for layer, label in trial.labels.items():
            if layer in trial.layer_ms:
                times[layer, label].append(trial.layer_ms[layer])
    ratios: dict[str, list[float]] = defaultdict(list)
    known: dict[tuple[str, str], float] = {}
    for (layer, label), values in times.items():
        guess = problem.cost.get(layer, {}).get(label)
        if guess is None:
            continue
        known[layer, label] = statistics.median(values)
        ratios[scheme_of(label)].append(known[layer, label] / guess)
    everything = [ratio for group in ratios.values() for ratio in group]
    common = statistics.median(everything) if everything else 1.0
    scale = {scheme: statistics.median(group) for scheme, group in ratios.items()}
    return {
        layer: {
            label: known.get((layer, label), guess * scale.get(scheme_of(label), common))
            for label, guess in row.items()
        }
        for layer, row in problem.cost.items()
    }


def fitted_damage(problem: Problem, seen: Sequence[Observation]) -> Table:
    """The damage table in units of lost accuracy, one factor per scheme.

    Ridge regression of the lost accuracy on the damage summed by scheme, drawn to one common
    factor, so that with few trials all schemes keep the ranking of the table (papers.md 7.3
    step 5, without its sampling).
    """
    schemes = sorted({scheme_of(label) for row in problem.damage.values() for label in row})
    sums = np.array(
        [
            [
                sum(
                    problem.damage[layer][label]
                    for layer, label in trial.labels.items()
                    if scheme_of(label) == scheme
                )
                for scheme in schemes
            ]
            for trial in seen
        ],
        dtype=np.float64,
    ).reshape(len(seen), len(schemes))
    lost = np.array([problem.dense_accuracy - trial.accuracy for trial in seen])
    total = sums.sum(axis=1)
    energy = float(total @ total)
    common = max(float(total @ lost) / energy, 1e-6) if energy > 0 else 1.0
    factors = np.full(len(schemes), common)
    if len(seen) > len(schemes):
        pull = 0.1 * energy / len(schemes)
        normal = sums.T @ sums + pull * np.eye(len(schemes))
        factors = np.linalg.solve(normal, sums.T @ lost + pull * common)
        factors = np.clip(factors, 0.25 * common, 4.0 * common)
    by_scheme = dict(zip(schemes, (float(factor) for factor in factors), strict=True))
    return {
        layer: {label: value * by_scheme[scheme_of(label)] for label, value in row.items()}
        for layer, row in problem.damage.items()
    }
