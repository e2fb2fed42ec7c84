"""Trials a second of a Ray cluster whose evaluations only sleep, study and files included."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.bench.scale.private_home import private_home
from backend.config.executor_config import ExecutorConfig
from backend.config.search_file import parse_config
from backend.search.executor import Task
from backend.search.executors.order import ExecutorOrder
from backend.search.executors.ray_executor import RayExecutor
from backend.search.preparation import prepare
from backend.search.samplers import make_sampler
from backend.search.study import Proposal, SearchStudy, open_storage
from backend.search.trainers import TrainerGate
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from codegen.errors import PunchcardError

ENTRY = "backend.bench.scale.sleeper:make_handlers"
POLL_S = 0.25


def cluster_throughput(
    address: str, workers: int, trials: int, *, seconds: float = 1.0, sampler: str = "random"
) -> dict[str, Any]:
    """Evaluate by sleeping and store every trial; the clock runs from when all evaluators are open.

    Args:
        address: of the cluster.
        workers: evaluators, each a hundredth of a CPU.
        trials: to finish.
        seconds: that each sleeps.
        sampler: that proposes; its own time is part of the price.

    Returns:
        `wall_s`, `trials_per_s`, `efficiency` (share of the evaluators' time that was slept),
        `driver_cpu_s` (this process's, per trial), and what was asked for.
    """
    config = ExecutorConfig(kind="ray", address=address, cpus=0.01)
    with private_home() as settings, tempfile.TemporaryDirectory() as name:
        folder, database = Path(name), open_database(settings)
        wanted = parse_config({"model": "resnet20", "sampler": sampler})
        prepared = prepare(wanted, database, open_artifacts(settings))
        proposer = make_sampler(sampler, 0, prepared.problem)
        study = SearchStudy(open_storage(database.url), "bench", prepared.space, proposer, 0)
        gate = TrainerGate(settings.home)
        order = ExecutorOrder(config, settings, {}, gate, folder / "log", workers)
        executor = RayExecutor(order, entry=ENTRY)
        try:
            while executor.capacity() < workers:
                executor.poll(POLL_S)
            begun, cpu = time.monotonic(), time.process_time()
            _finish(executor, study, folder, trials, seconds)
            wall, cpu = time.monotonic() - begun, time.process_time() - cpu
        finally:
            executor.close()
    return {
        "workers": workers,
        "trials": trials,
        "sleep_s": seconds,
        "sampler": sampler,
        "wall_s": round(wall, 3),
        "trials_per_s": round(trials / wall, 3),
        "efficiency": round(trials * seconds / (workers * wall), 4),
        "driver_cpu_s": round(cpu / trials, 4),
    }


def _finish(
    executor: RayExecutor, study: SearchStudy, folder: Path, trials: int, seconds: float
) -> None:
    running: dict[str, Proposal] = {}
    begun = 0
    while begun < trials or running:
        while begun < trials and executor.capacity() > 0:
            proposal = study.propose()
            assert proposal is not None
            payload = {"seconds": seconds, "folder": str(folder / str(begun))}
            executor.submit(Task(str(proposal.number), "sleep", payload))
            running[str(proposal.number)] = proposal
            begun += 1
        for outcome in executor.poll(POLL_S):
            if outcome.result is None:
                raise PunchcardError(outcome.error or "an evaluator gave no reason")
            accuracy, latency_ms = outcome.result["accuracy"], outcome.result["latency_ms"]
            study.complete(running.pop(outcome.task.id), accuracy, latency_ms, outcome.result, {})
            shutil.rmtree(outcome.task.payload["folder"])
