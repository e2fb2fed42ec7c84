"""A Bayesian linear model over options: outcome = sum of effects of what each layer chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.search.samplers.punchcard.features import Component
from backend.search.samplers.punchcard.options import FloatArray, IntArray

NOISE = 0.05  # prior variance of noise, in units of the outcome's
INTERCEPT = 4.0
SPREAD = 1.5  # of the log-normal priors of all variances, in natural logarithms
STEPS = 40
JITTER = 1e-8


@dataclass(frozen=True)
class Variances:
    """Prior variances: of each component's weights, of the intercept and of the noise."""

    components: tuple[float, ...]
    intercept: float
    noise: float
    evidence: float


def grams(parts: Sequence[Component], rows: IntArray) -> FloatArray:
    """Prior covariances of candidates under each component alone: (components, n, n)."""
    designs = [part.design(rows) for part in parts]
    return np.stack([design @ design.T for design in designs])


def fit_variances(
    parts: Sequence[Component],
    gram: FloatArray,
    outcome: FloatArray,
    noise: FloatArray,
    *,
    has_intercept: bool,
    steps: int = STEPS,
) -> Variances:
    """Variances of largest evidence times prior (type-II maximum a posteriori).

    Gradient ascent on the logarithms with sign-dependent steps (Rprop): the gradient of the
    evidence is `(a' K_i a - tr(K^-1 K_i)) / 2`, a = K^-1 y.

    Args:
        parts: what the outcome is made of.
        gram: of `grams`.
        outcome: (n,), of variance about 1.
        noise: (n,) relative variance of each outcome's noise.
        has_intercept: whether an unknown constant is added.
        steps: of the ascent.

    Returns:
        The variances and the logarithm of the evidence they have.
    """
    n = outcome.size
    stack = np.concatenate([gram, np.ones((1, n, n)), np.diag(noise)[None]])
    prior = np.log([*(part.variance for part in parts), INTERCEPT, NOISE])
    fixed = np.zeros(prior.size, dtype=bool)
    fixed[-2] = True
    if not has_intercept:
        prior[-2] = np.log(1e-12)
    current = prior.copy()
    step = np.full(prior.size, 0.3)
    last = np.zeros(prior.size)
    best, best_value = current.copy(), -np.inf
    for _ in range(steps):
        value, slope = _evidence(stack, outcome, current)
        value -= 0.5 * float(np.square((current - prior) / SPREAD).sum())
        slope -= (current - prior) / SPREAD**2
        if value > best_value:
            best, best_value = current.copy(), value
        slope[fixed] = 0.0
        step = np.where(slope * last < 0, 0.5 * step, np.minimum(1.2 * step, 1.0))
        last = slope
        current = current + np.sign(slope) * step
    variance = np.exp(best)
    return Variances(
        tuple(float(v) for v in variance[:-2]), float(variance[-2]), float(variance[-1]), best_value
    )


def _evidence(stack: FloatArray, outcome: FloatArray, logs: FloatArray) -> tuple[float, FloatArray]:
    variance = np.exp(logs)
    covariance = np.tensordot(variance, stack, axes=1)
    covariance.flat[:: outcome.size + 1] += JITTER
    lower = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(lower)
    inverse = inverse.T @ inverse
    weights = inverse @ outcome
    value = -0.5 * float(outcome @ weights) - float(np.log(np.diag(lower)).sum())
    difference = np.outer(weights, weights) - inverse
    slope = 0.5 * variance * np.tensordot(stack, difference, axes=2)
    return value, slope


class AdditiveModel:
    """The posterior of all effects, given trials.

    Samples follow Matheron's rule: draw all weights and the noise from the prior, then move them
    by what the prior draw misses of the outcomes. That costs one n x n factor for any number of
    options (Thompson samples of papers.md 7.3 step 5).

    Args:
        parts: components of the effects.
        variances: of `fit_variances`.
        rows: (n, layers) candidates of the trials.
        outcome: (n,) their outcomes.
        noise: (n,) relative variance of each outcome's noise.
    """

    def __init__(
        self,
        parts: Sequence[Component],
        variances: Variances,
        rows: IntArray,
        outcome: FloatArray,
        noise: FloatArray,
    ) -> None:
        self._parts = parts
        self._variances = variances
        self._outcome = outcome
        self._noise = noise * variances.noise + JITTER
        self._designs = [part.design(rows) for part in parts]
        n = outcome.size
        covariance = np.full((n, n), variances.intercept)
        for design, variance in zip(self._designs, variances.components, strict=True):
            covariance += variance * (design @ design.T)
        covariance.flat[:: n + 1] += self._noise
        self._inverse = np.linalg.inv(covariance) if n else covariance

    def mean(self) -> FloatArray:
        """Posterior mean of the effects (columns,)."""
        return np.asarray(self._moved(self._outcome[None])[0][0])

    def sample(self, random: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
        """Draws of the effects (count, columns) and of the intercept (count,)."""
        n = self._outcome.size
        prior = np.zeros((count, self._parts[0].values.size))
        fitted = random.normal(size=(count, 1)) * self._variances.intercept**0.5
        constant = fitted[:, 0]
        fitted = np.repeat(fitted, n, axis=1)
        for part, design, variance in zip(
            self._parts, self._designs, self._variances.components, strict=True
        ):
            weights = random.normal(size=(count, part.groups)) * variance**0.5
            prior += weights[:, part.group] * part.values
            fitted += weights @ design.T
        fitted += random.normal(size=(count, n)) * self._noise**0.5
        moved, shift = self._moved(self._outcome - fitted)
        return prior + moved, constant + shift

    def _moved(self, outcomes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Posterior mean of effects and intercept for other outcomes (count, n)."""
        weights = outcomes @ self._inverse
        effects = np.zeros((outcomes.shape[0], self._parts[0].values.size))
        for part, design, variance in zip(
            self._parts, self._designs, self._variances.components, strict=True
        ):
            effects += variance * (weights @ design)[:, part.group] * part.values
        return effects, self._variances.intercept * weights.sum(axis=1)
