"""How a job is told to end, and what can be wrong with a request."""

from __future__ import annotations

from codegen.errors import PunchcardError


class JobError(PunchcardError):
    """A request about a job cannot be met; the message says why."""


class FencedError(Exception):
    """Another runner holds the job now; whatever this one still writes is refused."""


class CancelledError(Exception):
    """Somebody asked the job to stop: cancel, pause, or the worker is shutting down."""
