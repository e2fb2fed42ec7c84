"""Evaluator processes on this computer."""

from __future__ import annotations

from backend.search.executors import ExecutorOrder
from backend.search.local_executor import LocalExecutor


def open_local(order: ExecutorOrder) -> LocalExecutor:
    """As many processes as the order says; its resources are for clusters."""
    return LocalExecutor(order.setup, gate=order.gate, log=order.log, count=order.count)
