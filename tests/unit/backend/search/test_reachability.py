"""Limits that cannot be kept are told, each by its name, before candidates are trained."""

from __future__ import annotations

import pytest

from backend.search.records import SearchError
from tests.unit.backend.search.in_process import InProcess, begin, run


def _refused(constraints: dict[str, float]) -> tuple[str, list[str]]:
    """The refusal, and the kinds of tasks that were begun before it."""
    begun: list[str] = []

    def watch(executor: InProcess) -> None:
        begun.extend(task.kind for task in executor.done)

    with pytest.raises(SearchError, match="no candidate can keep the constraints") as caught:
        run(begin(trials=4, constraints=constraints), on_poll=watch)
    return str(caught.value), begun


def test_size_and_memory_below_the_smallest_candidate_are_both_told_before_any_training() -> None:
    words, begun = _refused({"size_bytes": 5000, "memory_bytes": 20_000})
    assert "size_bytes 5,000 cannot be reached" in words
    assert "memory_bytes 20,000 cannot be reached" in words
    assert "for what flows between its layers" in words
    assert begun == []


def test_floor_above_the_dense_net_is_told_once_the_baseline_is_measured() -> None:
    words, _ = _refused({"accuracy": 0.97})
    assert "accuracy at least 97.00% cannot be reached: the dense net" in words
    assert "size_bytes" not in words


def test_latency_far_below_the_fastest_candidate_is_told() -> None:
    words, _ = _refused({"latency_ms": 1e-6})
    assert "latency_ms 1e-06 cannot be reached: the fastest candidate" in words


def test_limits_within_reach_are_not_refused() -> None:
    limits = {"size_bytes": 300_000, "memory_bytes": 900_000, "accuracy": 0.9, "latency_ms": 0.9}
    view, _ = run(begin(trials=2, constraints=limits))
    assert view.finished_trials == 2
