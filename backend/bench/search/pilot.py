"""Which of two ways to use a sampler the bench takes: the better one on seeds of its own.

Compared at equal CPU seconds, where the cheaper of the two ends: a table that costs more than whole
runs of its rivals has to earn that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backend.bench.search.run_curve import RunCurve
from backend.bench.search.setting import SETTINGS, Setting


@dataclass(frozen=True)
class PilotScore:
    """What a setting came to.

    Attributes:
        runs: by seed.
        volumes: hypervolume at the pilot's end, by seed.
        accuracy: mean accuracy of all candidates tried: it decides where no volume does.
        cpu_s: median CPU seconds of a run.
    """

    setting: Setting
    runs: Mapping[int, RunCurve]
    volumes: Mapping[int, float]
    accuracy: float
    cpu_s: float

    def by_second(self, cpu_s: float) -> float:
        """Median hypervolume after so many CPU seconds."""
        found = [run.by_second(min(cpu_s, run.cpu_s[-1])) or 0.0 for run in self.runs.values()]
        return float(np.median(found))


def pilot_score(setting: Setting, runs: Mapping[int, RunCurve], count: int) -> PilotScore | None:
    """Score of a setting; None where a run is not long enough."""
    volumes = {seed: run.after(count) for seed, run in runs.items()}
    known = {seed: volume for seed, volume in volumes.items() if volume is not None}
    if len(known) < len(runs) or not runs:
        return None
    tried = [step.accuracy for run in runs.values() for step in run.steps[:count]]
    spent = [run.cpu_s[count - 1] for run in runs.values()]
    return PilotScore(setting, dict(runs), known, float(np.mean(tried)), float(np.median(spent)))


def chosen_setting(sampler: str, scores: Mapping[Setting, PilotScore]) -> Setting | None:
    """The setting with the larger median volume at equal cost; None while a score is missing."""
    settings = SETTINGS[sampler]
    if len(settings) == 1:
        return settings[0]
    if any(setting not in scores for setting in settings):
        return None

    cheaper = min(scores[setting].cpu_s for setting in settings)

    def worth(setting: Setting) -> tuple[float, float]:
        score = scores[setting]
        return score.by_second(cheaper), score.accuracy

    return max(settings, key=worth)
