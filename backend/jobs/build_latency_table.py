"""The job that builds a device's latency table and checks it; a later run goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.config.search_file import parse_config
from backend.jobs.context import JobContext
from backend.latency.build_table import build_table

_PARTS = 100


def build_latency_table(context: JobContext) -> Mapping[str, Any]:
    """Payload: `config` (as in CONFIG.yaml), `minutes`, `checks` and `seed`.

    Raises:
        PunchcardError: model, data or device do not allow it.
        CancelledError: it was cancelled; what was measured is kept.
    """
    payload = context.payload
    config = parse_config(payload["config"], "the table's configuration")
    context.progress("preparing", 0, _PARTS, "opening the model and the device")

    def say(share: float, text: str) -> None:
        context.progress("measuring", min(round(share * _PARTS), _PARTS - 1), _PARTS, text)
        context.milestone()

    built = build_table(
        config,
        settings=context.settings,
        database=context.database,
        minutes=float(payload["minutes"]),
        checks=int(payload.get("checks", 0)),
        seed=int(payload.get("seed", 0)),
        on_progress=say,
        check=context.check,
    )
    error = None if built.error is None else built.error.to_json()
    words = "too few programs to tell an error" if built.error is None else built.error.words
    context.progress("done", _PARTS, _PARTS, words)
    return {
        "table": built.name,
        "programs": len(built.table.runs),
        "coverage": built.coverage,
        "error": error,
    }
