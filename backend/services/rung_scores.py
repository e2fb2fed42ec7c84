"""A candidate's evaluations at the fidelities of its search, for page and command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.search.study_view import Trial
from backend.services.views import RungScore
from backend.storage.tables import Search


def rung_scores(trial: Trial, search: Search) -> tuple[RungScore, ...]:
    """A candidate's evaluations, the cheapest first; empty where its search has one rung only."""
    rungs = (search.config.get("training") or {}).get("rungs") or ()
    if len(rungs) < 2 or trial.state != "done":
        return ()
    beside = {
        one.get("fidelity"): one for one in ((search.dense or {}).get("rungs") or {}).values()
    }
    scores = []
    for record in trial.rungs:
        dense = beside.get(record.get("fidelity")) or {}
        scores.append(rung_score(record, dense.get("accuracy")))
    return tuple(scores)


def rung_score(record: Mapping[str, Any], dense_accuracy: float | None = None) -> RungScore:
    """One evaluation, beside what the dense net is at the same."""
    return RungScore(
        fidelity=record.get("fidelity", ""),
        accuracy=record["accuracy"],
        accuracy_se=record.get("accuracy_se"),
        loss=record.get("loss"),
        latency_ms=record.get("latency_ms"),
        dense_accuracy=dense_accuracy,
    )
