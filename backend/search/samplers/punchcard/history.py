"""Stored trials as arrays; what is finished is read once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options
from backend.search.samplers.punchcard.situation import Situation

LabelOf = Callable[[FrozenTrial, str], str | None]


@dataclass(frozen=True)
class _Line:
    """What one finished trial says; no values: it failed, and its candidate is taken."""

    row: IntArray
    values: FloatArray | None
    cross_entropy: float
    over: Mapping[str, float]
    layer_ms: Mapping[str, float]


class History:
    """Reads the trials of one study.

    Args:
        signs: +1 for each objective to be minimised, -1 for each to be maximised.
        label_of: a trial's label for a layer; None where it has none.
    """

    def __init__(self, options: Options, signs: Sequence[float], label_of: LabelOf) -> None:
        self._options = options
        self._signs = np.asarray(signs)
        self._label_of = label_of
        self._lines: dict[int, _Line | None] = {}

    def situation(self, trials: Sequence[FrozenTrial], asked: int) -> Situation:
        """The study without the trial that is being asked for.

        Args:
            trials: all of it.
            asked: number of that trial.
        """
        options = self._options
        lines, pending, tried = [], [], set()
        for trial in trials:
            if trial.number == asked:
                continue
            if trial.state.is_finished():
                if trial.number not in self._lines:
                    self._lines[trial.number] = self._line(trial)
                line = self._lines[trial.number]
                if line is None:
                    continue
                tried.add(line.row.tobytes())
                if line.values is not None:
                    lines.append(line)
                continue
            row = self._row(trial)
            if row is not None:
                tried.add(row.tobytes())
                if trial.state == TrialState.RUNNING:
                    pending.append(row)
        names = sorted({name for line in lines for name in line.over})
        width = len(options.layers)
        return Situation(
            options,
            rows=np.array([line.row for line in lines], dtype=np.int64).reshape(-1, width),
            values=np.array([line.values for line in lines]).reshape(-1, self._signs.size),
            cross_entropy=np.array([line.cross_entropy for line in lines]),
            over={n: np.array([line.over.get(n, 0.0) for line in lines]) for n in names},
            layer_ms=np.array([line.layer_ms for line in lines], dtype=np.object_),
            pending=np.array(pending, dtype=np.int64).reshape(-1, width),
            tried=frozenset(tried),
        )

    def _line(self, trial: FrozenTrial) -> _Line | None:
        attrs = trial.user_attrs
        row = self._row(trial)
        if row is None or attrs.get("interrupted") or "duplicate_of" in attrs:
            return None
        values = None
        if trial.state == TrialState.COMPLETE and len(trial.values) == self._signs.size:
            found = np.asarray(trial.values, dtype=np.float64) * self._signs
            values = found if np.isfinite(found).all() else None
        return _Line(
            row, values, _cross_entropy(attrs), trial.constraints, attrs.get("layer_ms") or {}
        )

    def _row(self, trial: FrozenTrial) -> IntArray | None:
        labels = {}
        for name in self._options.layers:
            label = self._label_of(trial, name)
            if label is None:
                return None
            labels[name] = label
        return self._options.row(labels)


def _cross_entropy(attrs: Mapping[str, object]) -> float:
    for name in ("cross_entropy", "loss"):
        value = attrs.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    return math.nan
