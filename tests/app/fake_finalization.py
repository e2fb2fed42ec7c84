"""A recorded finalisation in each of its states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backend.services.finalizations import FinalizationView, default_settings

ROWS = (
    ("magnitude", "Magnitude", 0.412, 0.0148),
    ("admm", "ADMM", 0.387, 0.0110),
    ("geometric_median", "Geometric median", 0.431, 0.0152),
    ("least_squares", "Least squares + distillation", 0.351, 0.0),
)


def epochs(loss: float, count: int) -> list[dict[str, Any]]:
    """Epochs whose validation loss falls towards `loss`."""
    return [
        {
            "training": "fine-tune",
            "epoch": number,
            "loss": loss + 0.3 / number,
            "validation_loss": loss + 0.1 * (count - number) / count,
            "accuracy": 0.9,
        }
        for number in range(1, count + 1)
    ]


def finalization(state: str) -> FinalizationView:
    """One that is queued, running, paused, failed or done."""
    known = {"queued": 0, "running": 2, "paused": 2}.get(state, 4)
    rows: list[dict[str, Any]] = []
    for number, (name, title, loss, behind_se) in enumerate(ROWS):
        row: dict[str, Any] = {"name": name, "title": title, "state": "waiting", "history": []}
        if number < known:
            row |= {
                "state": "done",
                "loss": loss,
                "loss_se": 0.02,
                "accuracy": 0.88,
                "accuracy_se": 0.007,
                "seconds": 41.0,
                "history": epochs(loss, 2),
                "updates": [],
            }
        elif number == known and state == "running":
            row["state"] = "running"
        if state in ("done", "failed"):
            row |= {"behind": loss - 0.351, "behind_se": behind_se}
        rows.append(row)
    is_done = state == "done"
    score = {"loss": 0.3, "count": 10_000, "standard_error": 0.003}
    result = {
        "id": "f1na1000-final",
        "accuracy": 0.912,
        "accuracy_se": 0.006,
        "latency_ms": 2.31,
        "dense_latency_ms": 6.4,
        "speedup": 2.77,
        "test": {
            "dense": {"accuracy": 0.915, **score},
            "before": {"accuracy": 0.904, **score},
            "final": {"accuracy": 0.911, **score},
        },
    }
    return FinalizationView(
        id="f1na1000",
        job_id="job-finalize",
        source="5eac4001-5",
        model="resnet20",
        data="sample",
        state=state,
        phase="bake-off, Geometric median" if state == "running" else "",
        message="fine-tune, step 40 of 126; about 3 min left" if state == "running" else "",
        done=310,
        total=1000,
        error="The disk is full: free 200 MB, then resume." if state == "failed" else None,
        settings=default_settings(),
        contestants=tuple(rows),
        full_run={"state": "done", "history": epochs(0.3, 10)} if is_done else {},
        winner="least_squares" if state in ("done", "failed") else None,
        result=result if is_done else None,
        candidate_id="f1na1000-final" if is_done else None,
        cancel_requested=False,
        can_resume=state in ("paused", "failed"),
        created_at=datetime.now(UTC),
    )
