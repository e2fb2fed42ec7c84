"""An objective or a constraint that is a sum of effects around what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from backend.search.samplers.punchcard.additive_model import AdditiveModel, fit_variances, grams
from backend.search.samplers.punchcard.belief import Belief
from backend.search.samplers.punchcard.features import Traits, components
from backend.search.samplers.punchcard.neighbours import Neighbours
from backend.search.samplers.punchcard.objective import Form
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options
from backend.search.samplers.punchcard.situation import Situation


@dataclass(frozen=True)
class Expected:
    """What is expected of options before the trials correct it, in the objective's units.

    Attributes:
        table: (columns,) of each option.
        neighbours: pairwise terms; None without.
        constant: what no option changes.
    """

    table: FloatArray
    neighbours: Neighbours | None = None
    constant: float = 0.0

    def sums(self, rows: IntArray) -> FloatArray:
        """Of candidates (n, layers)."""
        total: FloatArray = self.constant + self.table[rows].sum(axis=1)
        return total if self.neighbours is None else total + self.neighbours.sums(rows)


class PlainObjective:
    """Latency around its table; anything else around a constant.

    Args:
        values_of: its values in a situation.
        expected_of: what is expected, given early trials; None: nothing is known.
        anchor: its value for the first option of every layer, where that was measured.
    """

    def __init__(
        self,
        options: Options,
        traits: Traits,
        values_of: Callable[[Situation], FloatArray],
        expected_of: Callable[[Situation], Expected] | None = None,
        anchor: float | None = None,
    ) -> None:
        self._options = options
        self._traits = traits
        self._values_of = values_of
        self._expected_of = expected_of
        self._anchor = anchor

    def form(self, early: Situation) -> Form:
        """Variances by evidence, around what early trials let expect."""
        options = self._options
        expected, table = Expected(np.zeros(options.columns)), None
        if self._expected_of is not None:
            expected = self._expected_of(early)
            table = expected.table - expected.table[options.first][options.layer_of]
        parts = components(options, replace(self._traits, table=table))
        rows, rest, _ = self._rest(expected, early)
        scale = float(rest.std()) or float(np.abs(rest).max(initial=0.0)) or 1.0
        found = fit_variances(
            parts, grams(parts, rows), rest / scale, np.ones(rest.size), has_intercept=True
        )
        return Form(parts, found, scale, expected)

    def belief(
        self, form: Form, now: Situation, random: np.random.Generator, samples: int
    ) -> Belief:
        """The posterior: what is expected, and the effects of what it missed."""
        expected = form.extra
        assert isinstance(expected, Expected)
        rows, rest, shift = self._rest(expected, now)
        model = AdditiveModel(
            form.parts, form.variances, rows, rest / form.scale, np.ones(rest.size)
        )
        effects, constant = model.sample(random, samples)
        # What the effects do not explain decides on which side of a limit a trial ends. It is the
        # same for all candidates of a sample, so that it prefers none of them.
        constant += random.normal(size=samples) * form.variances.noise**0.5
        return Belief(
            expected.table + form.scale * model.mean(),
            expected.table + form.scale * effects,
            expected.constant + shift + form.scale * constant,
            neighbours=expected.neighbours,
        )

    def _rest(self, expected: Expected, seen: Situation) -> tuple[IntArray, FloatArray, float]:
        rows, values = seen.rows, self._values_of(seen)
        if self._anchor is not None:
            rows = np.concatenate([rows, self._options.first[None]])
            values = np.append(values, self._anchor)
        rest = values - expected.sums(rows)
        shift = float(rest.mean())
        return rows, rest - shift, shift
