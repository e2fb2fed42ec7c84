"""What can go wrong with latency tables."""

from __future__ import annotations

from codegen.errors import PunchcardError


class LatencyError(PunchcardError):
    """A latency table cannot be built, read or used; the message says why."""
