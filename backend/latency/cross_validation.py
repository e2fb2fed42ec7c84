"""Errors of predictions for runs that were left out of the fit, fold by fold."""

from __future__ import annotations

import numpy as np

from backend.latency.learner import LatencyLearner
from backend.latency.measured_run import FIT, MeasuredRun
from backend.latency.prediction_error import PredictionError
from backend.latency.table import LatencyTable

FOLDS = 5


def cross_validated(
    learner: LatencyLearner, table: LatencyTable, net: str, *, folds: int = FOLDS
) -> PredictionError | None:
    """Predict every run of a net by a model that learnt from the other folds.

    Args:
        learner: which has learnt nothing yet.
        table: whose runs are learnt from; those of other nets are in every fit.
        net: whose runs are predicted.
        folds: parts of them; None comes back where there are fewer runs.
    """
    runs = table.runs_of(FIT, net)
    if len(runs) < folds:
        return None
    others = [run for run in table.runs_of(FIT) if run.net != net]
    order = np.random.default_rng(0).permutation(len(runs))
    predicted: list[float] = []
    measured: list[float] = []
    for fold in range(folds):
        left_out = {int(index) for index in order[fold::folds]}
        kept: list[MeasuredRun] = [run for i, run in enumerate(runs) if i not in left_out]
        model = learner.taught_runs(table, [*others, *kept]).model()
        for index in sorted(left_out):
            predicted.append(model.predict_ms(runs[index].labels))
            measured.append(runs[index].latency_ms)
    return PredictionError.of(predicted, measured)
