"""Tasks that wait for an evaluator, and how often each has lost the one it had."""

from __future__ import annotations

from collections import Counter, deque

from backend.search.executor import Task

MAX_RETRIES = 2


class TaskQueue:
    """First in, first out; a task whose evaluator died comes first again, at most twice."""

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        self._lost: Counter[str] = Counter()

    def __len__(self) -> int:
        """Number of tasks that wait."""
        return len(self._waiting)

    def put(self, task: Task) -> None:
        """Add a task at the end."""
        self._waiting.append(task)

    def take(self) -> Task:
        """The next task; there must be one."""
        return self._waiting.popleft()

    def finished(self, task: Task) -> None:
        """Forget a task that an evaluator has answered."""
        self._lost.pop(task.id, None)

    def lost(self, task: Task) -> int | None:
        """Queue a task again whose evaluator died; it is the next one.

        Returns:
            None, or how often it died where that was too often: then the task is forgotten.
        """
        self._lost[task.id] += 1
        if self._lost[task.id] <= MAX_RETRIES:
            self._waiting.appendleft(task)
            return None
        return self._lost.pop(task.id)
