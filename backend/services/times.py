"""Seconds since the epoch, as tables keep them, and aware datetimes, as services hand them out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def to_datetime(seconds: float) -> datetime: ...
@overload
def to_datetime(seconds: None) -> None: ...
@overload
def to_datetime(seconds: float | None) -> datetime | None: ...
def to_datetime(seconds: float | None) -> datetime | None:
    """The aware UTC time of a stored time stamp."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
