"""The accuracy of candidates: damage adds up over layers behind a link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls  # type: ignore[attr-defined]

from backend.search.samplers.punchcard.additive_model import AdditiveModel, fit_variances, grams
from backend.search.samplers.punchcard.belief import Belief
from backend.search.samplers.punchcard.features import Component, Traits, components
from backend.search.samplers.punchcard.links import Link, links
from backend.search.samplers.punchcard.objective import Form
from backend.search.samplers.punchcard.options import FloatArray, Options
from backend.search.samplers.punchcard.situation import Situation

EXPONENTS = (0.5, 1.0, 2.0, 3.0)
QUICK_STEPS = 8  # of the ascent while links and exponents are compared


@dataclass(frozen=True)
class _Shape:
    """How scores become damage.

    Attributes:
        noise: relative noise variances are divided by it.
        is_entropy: whether scores come from cross-entropies.
    """

    link: Link
    exponent: float
    noise: float
    is_entropy: bool


class DamageObjective:
    """Minus the accuracy.

    Where every trial tells its cross-entropy (and the dense one's is known) damage is learnt from
    that, which ranks nets better than their accuracies on some images do, and accuracies are read
    off the trials' own (never falling) relation of the two.

    Args:
        traits: `table` is the damage table as it came.
        dense: accuracy of the net without any loss.
        dense_entropy: its cross-entropy; None: only accuracies count.
    """

    def __init__(
        self, options: Options, traits: Traits, dense: float, dense_entropy: float | None = None
    ) -> None:
        self._options = options
        self._traits = traits
        self._dense = dense
        self._dense_entropy = dense_entropy
        self._parts: dict[float, tuple[Component, ...]] = {}

    def form(self, early: Situation) -> Form:
        """Choose exponent, then link, then variances by evidence (papers.md 7.3 step 5)."""
        is_entropy = self._dense_entropy is not None and bool(
            np.isfinite(early.cross_entropy).all()
        )
        gram = {
            power: grams(self._parts_of(power), early.rows)
            for power in (EXPONENTS if self._traits.table is not None else (1.0,))
        }
        scores = self._scores(early, is_entropy)
        dense = 1.0 if is_entropy else self._dense

        def tried(pairs: Iterable[tuple[Link, float]], steps: int = QUICK_STEPS) -> Form:
            forms = (
                self._form(gram[power], scores, link, power, is_entropy, steps)
                for link, power in pairs
            )
            return max(forms, key=lambda form: form.variances.evidence)

        best = _shape(tried((Link(dense, 0.5), power) for power in gram))
        best = _shape(tried((link, best.exponent) for link in links(dense)))
        best = _shape(tried((best.link, power) for power in gram))
        return tried([(best.link, best.exponent)], steps=40)

    def belief(
        self, form: Form, now: Situation, random: np.random.Generator, samples: int
    ) -> Belief:
        """The posterior of effects on damage, and the way from there to minus the accuracy."""
        shape = _shape(form)
        known = now
        if shape.is_entropy:
            known = now.at(np.flatnonzero(np.isfinite(now.cross_entropy)))
        scores = self._scores(known, shape.is_entropy)
        z, slope = shape.link.forward(scores), shape.link.slope(scores)
        model = AdditiveModel(
            form.parts, form.variances, known.rows, z / form.scale, np.square(slope) / shape.noise
        )
        effects, _ = model.sample(random, samples)
        accuracy_of = _identity
        if shape.is_entropy:
            accuracy_of = _Relation(self._dense, scores, -known.values[:, 0]).accuracy
        return Belief(
            model.mean(),
            effects,
            np.zeros(samples),
            lambda sums: -accuracy_of(shape.link.back(sums * form.scale)),
        )

    def _form(
        self,
        gram: FloatArray,
        scores: FloatArray,
        link: Link,
        exponent: float,
        is_entropy: bool,
        steps: int,
    ) -> Form:
        z, slope = link.forward(scores), link.slope(scores)
        scale = float(np.sqrt(np.mean(z**2))) or 1.0
        noise = float(np.square(slope).mean())
        parts = self._parts_of(exponent)
        found = fit_variances(
            parts, gram, z / scale, np.square(slope) / noise, has_intercept=False, steps=steps
        )
        # Evidence is about z / scale; that of the scores has the slopes' product on top.
        evidence = found.evidence + float(np.log(slope / scale).sum())
        shape = _Shape(link, exponent, noise, is_entropy)
        return Form(parts, replace(found, evidence=evidence), scale, shape)

    def _scores(self, seen: Situation, is_entropy: bool) -> FloatArray:
        """Accuracies, or 1 for the dense net's cross-entropy and less by e for each nat above."""
        if not is_entropy:
            return -seen.values[:, 0]
        assert self._dense_entropy is not None
        return np.exp(self._dense_entropy - seen.cross_entropy)

    def _parts_of(self, exponent: float) -> tuple[Component, ...]:
        if exponent not in self._parts:
            table = self._traits.table
            powered = None if table is None else np.maximum(table, 0.0) ** exponent
            traits = replace(self._traits, table=powered)
            self._parts[exponent] = components(self._options, traits)
        return self._parts[exponent]


class _Relation:
    """Accuracy by excess cross-entropy: a non-negative sum of rising curves, by least squares."""

    def __init__(self, dense: float, scores: FloatArray, accuracy: FloatArray) -> None:
        self._dense = dense
        # Near the dense net accuracies must be right; far from it nobody looks.
        curves = _curves(scores)
        weight = 1.0 / (curves[:, 0] + 0.1)
        self._factors, _ = nnls(curves * weight[:, None], (dense - accuracy) * weight)

    def accuracy(self, scores: FloatArray) -> FloatArray:
        """Of scores of any shape."""
        return np.asarray(self._dense - _curves(scores) @ self._factors)


def _curves(scores: FloatArray) -> FloatArray:
    excess = np.maximum(-np.log(np.maximum(scores, 1e-3)), 0.0)
    return np.stack(
        [excess, 1.0 - np.exp(-excess), 1.0 - np.exp(-4.0 * excess), np.minimum(excess, 1.0) ** 2],
        axis=-1,
    )


def _shape(form: Form) -> _Shape:
    assert isinstance(form.extra, _Shape)
    return form.extra


def _identity(scores: FloatArray) -> FloatArray:
    return scores
