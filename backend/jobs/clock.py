"""The clock of leases: seconds since the epoch, replaced in tests."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


def now_s() -> float:
    """Seconds since the epoch."""
    return time.time()
