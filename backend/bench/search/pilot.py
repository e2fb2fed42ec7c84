"""Which of two ways to use a sampler the bench takes: the better one on seeds of its own."""

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
        volumes: hypervolume at the pilot's end, by seed.
        accuracy: mean accuracy of all candidates tried: it decides where no volume does.
        cpu_s: median CPU seconds of a run.
    """

    setting: Setting
    volumes: Mapping[int, float]
    accuracy: float
    cpu_s: float


def pilot_score(setting: Setting, runs: Mapping[int, RunCurve], count: int) -> PilotScore | None:
    """Score of a setting; None where a run is not long enough."""
    volumes = {seed: run.after(count) for seed, run in runs.items()}
    known = {seed: volume for seed, volume in volumes.items() if volume is not None}
    if len(known) < len(runs) or not runs:
        return None
    tried = [step.accuracy for run in runs.values() for step in run.steps[:count]]
    spent = [run.cpu_s[count - 1] for run in runs.values()]
    return PilotScore(setting, known, float(np.mean(tried)), float(np.median(spent)))


def chosen_setting(sampler: str, scores: Mapping[Setting, PilotScore]) -> Setting | None:
    """The setting with the larger median volume; None while a score is missing."""
    settings = SETTINGS[sampler]
    if len(settings) == 1:
        return settings[0]
    if any(setting not in scores for setting in settings):
        return None

    def worth(setting: Setting) -> tuple[float, float]:
        score = scores[setting]
        return float(np.median(list(score.volumes.values()))), score.accuracy

    return max(settings, key=worth)
