"""What an executor is opened with, and opening it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.config.executor_config import ExecutorConfig
from backend.search.executor import Executor, ExecutorError
from backend.search.executors import EXECUTORS
from backend.search.trainers import TrainerGate
from backend.storage.settings import Settings


@dataclass(frozen=True)
class ExecutorOrder:
    """What an executor is opened with.

    Attributes:
        setup: JSON object that each evaluator gets before its first task; paths in it are of this
            machine.
        gate: where evaluators on this machine register, so that measurements can stop them.
        log: file on this machine for what evaluators complain about.
        count: tasks at once.
    """

    config: ExecutorConfig
    settings: Settings
    setup: Mapping[str, Any]
    gate: TrainerGate
    log: Path
    count: int


def open_executor(order: ExecutorOrder) -> Executor:
    """Start the executor that an order's configuration names.

    Raises:
        ExecutorError: its cluster cannot be reached, or has no room.
    """
    order = replace(order, config=resolved(order.config, order.settings))
    module, _, name = EXECUTORS[order.config.kind].partition(":")
    factory: Callable[[ExecutorOrder], Executor] = getattr(importlib.import_module(module), name)
    return factory(order)


def resolved(config: ExecutorConfig, settings: Settings) -> ExecutorConfig:
    """The configuration with the installation's choice where it makes none.

    Raises:
        ExecutorError: PUNCHCARD_EXECUTOR names no executor.
    """
    kind = config.kind or settings.executor
    if kind not in EXECUTORS:
        known = ", ".join(EXECUTORS)
        msg = f"PUNCHCARD_EXECUTOR is {kind!r}, which is no executor; take one of {known}"
        raise ExecutorError(msg)
    return config.model_copy(
        update={"kind": kind, "address": config.address or settings.ray_address}
    )
