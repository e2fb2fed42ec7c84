"""How well a search's predicted latencies came true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from backend.latency.prediction_error import PredictionError


def forecast_error(records: Iterable[Mapping[str, Any]]) -> PredictionError | None:
    """Error of the predictions that were stored before their candidates were measured.

    Args:
        records: of finished trials; those without a prediction, or taken from another search,
            are left out.
    """
    pairs = [
        (float(record["predicted_ms"]), float(record["latency_ms"]))
        for record in records
        if record.get("predicted_ms") and record.get("latency_ms") and not record.get("cached")
    ]
    return PredictionError.of([pair[0] for pair in pairs], [pair[1] for pair in pairs])
