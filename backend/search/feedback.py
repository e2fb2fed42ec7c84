"""What finished trials teach: tables corrected by measured layer times and accuracies."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backend.search.problem import Problem, Table

FloatArray = npt.NDArray[np.float64]

EXPONENTS = (1.0, 2.0, 3.0, 4.0)
PRIOR_EXPONENT = 3.0
FIT_AFTER = 4  # finished trials, before the exponent is taken from them
PRIOR_LOSS = 0.2
"""Guess of the accuracy that is lost when every layer loses all its energy."""


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
    """The damage table in units of lost accuracy: one exponent, one factor per scheme.

    Accuracy falls faster than removed energy grows (on ResNet-20 with its fourth power), so an
    exponent is chosen by least squares. The factors are a ridge regression of the lost accuracy
    on the damage summed by scheme, drawn to one common factor, so that with few trials all
    schemes keep the ranking of the table (papers.md 7.3 step 5, without its sampling).
    """
    lost = np.array([problem.dense_accuracy - trial.accuracy for trial in seen])
    exponent, common = PRIOR_EXPONENT, PRIOR_LOSS / max(len(problem.damage), 1)
    if len(seen) >= FIT_AFTER:
        exponent = min(EXPONENTS, key=lambda power: _fit_common(problem, seen, lost, power)[1])
    if seen:
        common = _fit_common(problem, seen, lost, exponent)[0]
    by_scheme = _scheme_factors(problem, seen, lost, exponent, common)
    return {
        layer: {
            label: value**exponent * by_scheme[scheme_of(label)] for label, value in row.items()
        }
        for layer, row in problem.damage.items()
    }


def _fit_common(
    problem: Problem, seen: Sequence[Observation], lost: FloatArray, exponent: float
) -> tuple[float, float]:
    """One factor for all schemes, and the sum of squares it leaves."""
    total = _sums(problem, seen, exponent).sum(axis=1)
    energy = float(total @ total)
    factor = max(float(total @ lost) / energy, 1e-6) if energy > 0 else 1e-6
    return factor, float(np.square(lost - factor * total).sum())


def _scheme_factors(
    problem: Problem,
    seen: Sequence[Observation],
    lost: FloatArray,
    exponent: float,
    common: float,
) -> dict[str, float]:
    schemes = _schemes(problem)
    factors = np.full(len(schemes), common)
    if len(seen) > len(schemes):
        sums = _sums(problem, seen, exponent)
        pull = 0.1 * float(np.square(sums.sum(axis=1)).sum()) / len(schemes)
        normal = sums.T @ sums + pull * np.eye(len(schemes))
        factors = np.linalg.solve(normal, sums.T @ lost + pull * common)
        factors = np.clip(factors, 0.25 * common, 4.0 * common)
    return dict(zip(schemes, (float(factor) for factor in factors), strict=True))


def _schemes(problem: Problem) -> list[str]:
    return sorted({scheme_of(label) for row in problem.damage.values() for label in row})


def _sums(problem: Problem, seen: Sequence[Observation], exponent: float) -> FloatArray:
    """Damage of each trial by scheme: (trials, schemes)."""
    schemes = _schemes(problem)
    sums = np.zeros((len(seen), len(schemes)))
    for row, trial in enumerate(seen):
        for layer, label in trial.labels.items():
            damage = problem.damage[layer][label] ** exponent
            sums[row, schemes.index(scheme_of(label))] += damage
    return sums
