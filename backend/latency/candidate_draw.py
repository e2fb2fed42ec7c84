"""Draws candidates so that their predicted latencies spread evenly from fastest to dense."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from backend.latency.model import LatencyModel

FloatArray = npt.NDArray[np.float64]

TRIES = 16
_STEPS = 40
_COVERED = 2
_RARE = 64.0
"""How much more often a choice is drawn that no program has yet held."""


class CandidateDraw:
    """Uniform in predicted latency over the menus.

    For each draw a latency is taken uniformly between the fastest and the slowest of the space.
    Every layer then chooses alone, choice o with probability proportional to exp(-lambda * ms(o)),
    where lambda makes the expected sum that latency: of all ways to draw layers independently with
    this mean, the one of largest entropy. Of several such candidates the nearest is taken, since
    the sum scatters around its mean.

    Args:
        model: of the latency; it decides what is drawn, never what is measured.
        counts: how often a choice ran in layers of its shape so far, by layer and label; choices
            below two are drawn more often. Without it all count alike.
    """

    def __init__(
        self, model: LatencyModel, counts: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        self._model = model
        self._times = {name: np.array(list(row.values())) for name, row in model.unary.items()}
        self._favour = {
            name: _favour(menu, {} if counts is None else counts.get(name, {}))
            if counts is not None
            else np.ones(len(menu))
            for name, menu in model.labels.items()
        }
        self.fastest_ms, self.slowest_ms = self._reach()

    def draw(self, random: np.random.Generator) -> dict[str, str]:
        """The next candidate."""
        wanted = float(random.uniform(self.fastest_ms, self.slowest_ms))
        shares = self._shares(wanted)
        rows = [
            {
                name: menu[int(random.choice(len(menu), p=shares[name]))]
                for name, menu in self._model.labels.items()
            }
            for _ in range(TRIES)
        ]
        found = self._model.predict_many(rows)
        return rows[int(np.abs(np.log(found / wanted)).argmin())]

    def _reach(self) -> tuple[float, float]:
        """What independent draws reach: 5 % above the fastest choices, 2 % below the slowest."""
        ends = []
        for pick in (np.argmin, np.argmax):
            row = {
                name: self._model.labels[name][int(pick(times))]
                for name, times in self._times.items()
            }
            ends.append(self._model.predict_ms(row))
        return min(ends) * 1.05, max(ends) * 0.98

    def _shares(self, wanted_ms: float) -> dict[str, FloatArray]:
        unit = max(float(np.mean([times.mean() for times in self._times.values()])), 1e-9)
        low, high = -200.0, 200.0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            shares = self._tilted(middle / unit)
            total = self._model.constant_ms + sum(
                float(shares[name] @ times) for name, times in self._times.items()
            )
            low, high = (middle, high) if total > wanted_ms else (low, middle)
        return self._tilted((low + high) / 2 / unit)

    def _tilted(self, slope: float) -> dict[str, FloatArray]:
        found = {}
        for name, times in self._times.items():
            logs = np.log(self._favour[name]) - slope * times
            shares = np.exp(logs - logs.max())
            found[name] = shares / shares.sum()
        return found


def _favour(menu: Sequence[str], counts: Mapping[str, int]) -> FloatArray:
    missing = [max(0, _COVERED - counts.get(label, 0)) for label in menu]
    return np.array([math.pow(_RARE, count) for count in missing])
