"""States of a job and the moves between them; every move compares (state, token) before it sets.

queued -> running -> done | failed | cancelled | paused | interrupted
running -> queued             its runner or worker died, or the worker was shut down
paused | interrupted | failed | cancelled -> queued      a person resumes it
done -> queued                its budget was raised (searches alone)
queued | paused | interrupted -> cancelled
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"


class Wanted(StrEnum):
    """What a person asked of a running job."""

    CANCEL = "cancel"
    PAUSE = "pause"


RESUMABLE = frozenset({JobState.PAUSED, JobState.INTERRUPTED, JobState.FAILED, JobState.CANCELLED})
ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
WAITING = frozenset({JobState.QUEUED, JobState.PAUSED, JobState.INTERRUPTED})
