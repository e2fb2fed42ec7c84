"""Errors of predictions for runs that were left out of the fit, fold by fold."""

from __future__ import annotations

import numpy as np

from backend.latency.learner import LatencyLearner
from backend.latency.measured_run import FIT, MeasuredRun
from backend.latency.table import LatencyTable

FOLDS = 5


def cross_validated(
    learner: LatencyLearner, table: LatencyTable, net: str, *, folds: int = FOLDS
) -> list[tuple[float, float]]:
    """Predict every run of a net by a model that learnt from the other folds.

    Args:
        learner: which has learnt nothing yet.
        table: whose runs are learnt from; those of other nets are in every fit.
        net: whose runs are predicted.
        folds: parts of them.

    Returns:
        (predicted, measured) milliseconds of each run; nothing where there are fewer than folds.
    """
    runs = [run for run in table.runs_of(FIT, net) if learner.covers(run.labels)]
    if len(runs) < folds:
        return []
    known = set(map(id, runs))
    others = [run for run in table.runs_of(FIT) if id(run) not in known]
    order = np.random.default_rng(0).permutation(len(runs))
    pairs: list[tuple[float, float]] = []
    for fold in range(folds):
        left_out = {int(index) for index in order[fold::folds]}
        kept: list[MeasuredRun] = [run for i, run in enumerate(runs) if i not in left_out]
        model = learner.taught_runs(table, [*others, *kept]).model()
        rest = [runs[index] for index in sorted(left_out)]
        pairs += [(model.predict_ms(run.labels), run.latency_ms) for run in rest]
    return pairs
