"""The proposer of any study with choices: effects are learnt from its trials alone."""

from __future__ import annotations

import numpy as np

from backend.search.samplers.punchcard.label_traits import label_traits
from backend.search.samplers.punchcard.objective import Objective
from backend.search.samplers.punchcard.options import FloatArray, Options
from backend.search.samplers.punchcard.plain_objective import PlainObjective
from backend.search.samplers.punchcard.proposer import Proposer
from backend.search.samplers.punchcard.situation import Situation

MARGIN = 0.1
"""The reference point lies so far beyond the worst result, in ranges of the results."""


def plain_proposer(options: Options, objectives: int) -> Proposer:
    """All objectives are sums of effects; labels of layer choices are understood."""
    traits = label_traits(options)

    def plain(index: int) -> Objective:
        return PlainObjective(options, traits, lambda seen: seen.values[:, index])

    return Proposer(
        options,
        [plain(index) for index in range(objectives)],
        lambda name: PlainObjective(options, traits, lambda seen: seen.over[name]),
        _beyond_the_worst,
    )


def _beyond_the_worst(now: Situation) -> FloatArray:
    worst = now.values.max(axis=0)
    return np.asarray(worst + MARGIN * np.maximum(np.ptp(now.values, axis=0), 1e-12))
