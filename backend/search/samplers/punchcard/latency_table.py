"""What latency to expect of options: a latency model, or guesses corrected by measured layers."""

from __future__ import annotations

import numpy as np

from backend.search.problem import Problem
from backend.search.samplers.punchcard.label_traits import label_traits
from backend.search.samplers.punchcard.options import FloatArray, Options
from backend.search.samplers.punchcard.plain_objective import Expected
from backend.search.samplers.punchcard.situation import Situation


class LatencyTable:
    """Milliseconds of each option as far as trials are known."""

    def __init__(self, options: Options, problem: Problem) -> None:
        self._options = options
        self._guess = options.table(problem.cost)
        self._dense_ms = np.array(
            [problem.dense_layer_ms.get(name, np.nan) for name in options.layers]
        )
        kind = label_traits(options).kind
        self._kind = np.zeros(options.columns, dtype=np.int64) if kind is None else kind

    def expected(self, seen: Situation) -> Expected:
        """An option that ran takes the mean of its times in that layer.

        The others keep their guess, scaled by the median of measured to guessed over the options
        of the same scheme.
        """
        options, guess = self._options, self._guess
        columns = np.concatenate([seen.rows, options.first[None]]).ravel()
        times = np.concatenate([seen.layer_ms, self._dense_ms[None]]).ravel()
        there = np.isfinite(times)
        count = np.bincount(columns[there], minlength=options.columns)
        total = np.bincount(columns[there], times[there], minlength=options.columns)
        known = count > 0
        if not known.any():
            return Expected(guess)
        mean = total / np.maximum(count, 1)
        ratio = mean / np.maximum(guess, 1e-12)
        scale = np.full(options.columns, float(np.median(ratio[known])))
        for kind in np.unique(self._kind[known]):
            of_kind = self._kind == kind
            scale[of_kind] = np.median(ratio[known & of_kind])
        table: FloatArray = np.where(known, mean, guess * scale)
        return Expected(table)
