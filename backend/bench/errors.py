"""What a benchmark refuses."""

from __future__ import annotations

from codegen.errors import PunchcardError


class BenchError(PunchcardError):
    """A benchmark cannot run here; the message says what is missing."""
