"""An evaluator that sleeps: what is left of a trial's time is the price of handing it out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.search.executor import Handler

FOLDER_BYTES = 100_000


def make_handlers(_setup: Mapping[str, Any]) -> Mapping[str, Handler]:
    """One kind of task: `sleep` for `seconds`, then leave a folder as an evaluation does."""
    return {"sleep": _sleep}


def _sleep(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    time.sleep(float(payload["seconds"]))
    folder = Path(payload["folder"])
    folder.mkdir(parents=True)
    (folder / "package").write_bytes(bytes(FOLDER_BYTES))
    return {"accuracy": 0.9, "latency_ms": 1.0}
