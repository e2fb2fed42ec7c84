"""Log files: one JSON object a line, one file per job and one per worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger


def open_log(path: Path, **bound: Any) -> FilteringBoundLogger:
    """Append to a log file; `bound` stands on every line."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file: TextIO = path.open("a", encoding="utf-8", buffering=1)
    logger = structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return cast("FilteringBoundLogger", logger.bind(**bound))
