"""What the search asks of the processes that evaluate; a cluster would be a second kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from codegen.errors import PunchcardError


class ExecutorError(PunchcardError):
    """The processes that evaluate cannot be kept running."""


@dataclass(frozen=True)
class Task:
    """One piece of work: `kind` is a method of the evaluator, `payload` its JSON arguments."""

    id: str
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The end of a task: a JSON result, or one sentence about what went wrong."""

    task: Task
    result: Mapping[str, Any] | None
    error: str | None = None


Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What an evaluator does with the payload of one kind of task."""


class Executor(Protocol):
    """Runs tasks beside the caller. All methods are called from one thread."""

    def capacity(self) -> int:
        """Number of tasks that could start at once."""
        ...

    def resize(self, count: int) -> None:
        """Work on `count` tasks at once from now on; tasks that run are finished first."""
        ...

    def submit(self, task: Task) -> None:
        """Queue a task."""
        ...

    def poll(self, timeout_s: float) -> list[Outcome]:
        """Wait up to `timeout_s` and return what has ended; lost tasks are tried again first."""
        ...

    def close(self) -> None:
        """End everything; unfinished tasks are dropped."""
        ...
