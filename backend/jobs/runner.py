"""`python -m backend.jobs.runner JOB TOKEN`: runs one job, started by the worker alone."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError, FencedError
from backend.jobs.kinds import job_function
from backend.jobs.launch import DEFAULT_KINDS
from backend.jobs.lease import Claim, LeaseTable
from backend.jobs.log import open_log
from backend.jobs.process import die_with_parent
from backend.jobs.states import JobState, Wanted
from backend.storage.database import Database
from backend.storage.errors import StorageError
from backend.storage.open_database import open_database
from backend.storage.settings import Settings, load_settings
from backend.storage.tables import Job
from codegen.errors import PunchcardError
from device_agents.errors import DeviceError

EXIT_FENCED = 3


def main() -> int:
    """Run the job that the arguments name; exit code 0 when its end is written."""
    parser = argparse.ArgumentParser(prog="backend.jobs.runner")
    parser.add_argument("job")
    parser.add_argument("token", type=int)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--kinds", default=DEFAULT_KINDS)
    arguments = parser.parse_args()
    die_with_parent(arguments.parent)
    settings = load_settings()
    database = open_database(settings)
    leases = LeaseTable(database, stale_s=settings.stale_s, max_crashes=settings.max_crashes)
    try:
        leases.report(arguments.job, arguments.token, {})
    except FencedError:
        return EXIT_FENCED
    claim = _read_claim(database, arguments.job, arguments.token)
    context = JobContext(
        claim,
        settings=settings,
        database=database,
        leases=leases,
        log=open_log(settings.logs / f"{claim.job_id}.jsonl", job=claim.job_id, token=claim.token),
    )
    signal.signal(signal.SIGTERM, lambda _number, _frame: context.stop())
    _start_heartbeat(context, settings)
    return _run(context, leases, claim.kind, _load_kinds(arguments.kinds))


def _run(context: JobContext, leases: LeaseTable, kind: str, kinds: Mapping[str, str]) -> int:
    result: Mapping[str, Any] | None = None
    error: str | None = None
    state = JobState.DONE
    try:
        context.log.info("started", kind=kind)
        result = job_function(kind, kinds)(context)
    except FencedError:
        return EXIT_FENCED
    except CancelledError:
        state = JobState.CANCELLED
    except Exception as problem:  # a job may fail in any way; the worker goes on
        if context.is_fenced:
            return EXIT_FENCED
        context.log.error("failed", exc_info=problem)
        state, error = JobState.FAILED, _sentence(problem, context)
        if context.should_stop():
            state, error = JobState.CANCELLED, None  # its children were ended under it
    context.log.info("ended", state=state)
    try:
        if state is JobState.CANCELLED:
            _end_stopped(context, leases)
        else:
            leases.finish(context.job_id, context.token, state, result=result, error=error)
    except FencedError:
        return EXIT_FENCED
    return 0


def _end_stopped(context: JobContext, leases: LeaseTable) -> None:
    wanted = leases.wanted(context.job_id, context.token)
    if wanted is None:  # the worker is shutting down: the next one goes on
        leases.give_back(context.job_id, context.token, "worker shut down", crashed=False)
        return
    state = JobState.CANCELLED if wanted is Wanted.CANCEL else JobState.PAUSED
    leases.finish(context.job_id, context.token, state)


def _sentence(problem: Exception, context: JobContext) -> str:
    if isinstance(problem, (PunchcardError, DeviceError)):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "The job ran out of memory: free some, or choose a smaller model or batch."
    reason = (str(problem).splitlines() or [""])[0][:200]
    return (
        f"The job failed by an error of the program ({type(problem).__name__}: {reason}); "
        f"the log {context.job_id}.jsonl has the details."
    )


def _start_heartbeat(context: JobContext, settings: Settings) -> None:
    pause = threading.Event()

    def beat() -> None:
        while not pause.wait(settings.heartbeat_s):
            try:
                context.beat()
            except FencedError:
                # Another runner may work already: end this one and its children at once.
                context.log.warning("fenced")
                if os.getpgrp() == os.getpid():
                    os.killpg(os.getpid(), signal.SIGKILL)
                os._exit(EXIT_FENCED)
            except StorageError as problem:
                context.log.warning("heartbeat_failed", reason=str(problem))

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def _read_claim(database: Database, job_id: str, token: int) -> Claim:
    with database.read() as session:
        job = session.get_one(Job, job_id)
        return Claim(job.id, token, job.kind, dict(job.payload))


def _load_kinds(place: str) -> Mapping[str, str]:
    module, _, name = place.partition(":")
    kinds: Mapping[str, str] = getattr(importlib.import_module(module), name)
    return kinds


if __name__ == "__main__":
    raise SystemExit(main())
