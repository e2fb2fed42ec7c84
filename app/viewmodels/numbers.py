"""Numbers as text: always with a unit, always with the same decimals."""

import math
from datetime import UTC, datetime

NOTHING = "–"


def percent(share: float | None, decimals: int = 2) -> str:
    """Return a share (0–1) in percent."""
    return NOTHING if share is None else f"{100 * share:.{decimals}f} %"


def points(difference: float | None) -> str:
    """Return a difference of two shares in percentage points, with its sign."""
    return NOTHING if difference is None else f"{100 * difference:+.2f} pt".replace("-", "−")


def milliseconds(value_ms: float | None, decimals: int = 3) -> str:
    """Return a latency in ms."""
    return NOTHING if value_ms is None else f"{value_ms:.{decimals}f} ms"


def times(factor: float | None) -> str:
    """Return a rate or speed-up, e.g. `2.25×`."""
    return NOTHING if factor is None else f"{factor:.2f}×"


def count(value: int | None) -> str:
    """Return a count with a thin space between thousands."""
    return NOTHING if value is None else f"{value:,}".replace(",", "\u202f")


def big(value: float | None, unit: str = "") -> str:
    """Return a large count with two decimals and a prefix, e.g. `40.81 M`."""
    if value is None:
        return NOTHING
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.2f} {prefix}{unit}"
    return f"{value:.0f} {unit}".strip()


def size(value_bytes: float | None) -> str:
    """Return a size in kB or MB (decimal prefixes)."""
    if value_bytes is None:
        return NOTHING
    if value_bytes >= 1e6:
        return f"{value_bytes / 1e6:.2f} MB"
    return f"{value_bytes / 1e3:.1f} kB"


def duration(seconds: float | None) -> str:
    """Return a duration, e.g. `3 min 20 s`."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def time_left(eta_s: float | None, finished: int) -> str:
    """Return the time left as a range; silent until three candidates have finished."""
    if eta_s is None or finished < 3:
        return "estimating"
    low, high = 0.8 * eta_s, 1.3 * eta_s
    if high < 120:
        return f"{low:.0f} – {high:.0f} s"
    if high < 7200:
        return f"{low / 60:.0f} – {math.ceil(high / 60)} min"
    return f"{low / 3600:.1f} – {high / 3600:.1f} h"


def error_size(value: float | None) -> str:
    """Return a relative error, e.g. `3.1e-06`."""
    return NOTHING if value is None else f"{value:.1e}"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a moment was, e.g. `4 min ago`."""
    if moment is None:
        return "never"
    seconds = max(0.0, ((now or datetime.now(UTC)) - moment).total_seconds())
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 86400:
        return f"{seconds / 3600:.0f} h ago"
    return f"{seconds / 86400:.0f} d ago"
