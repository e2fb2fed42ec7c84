"""The registry of job kinds: name → where its function lives; nothing is imported until it runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from backend.jobs.context import JobContext
from backend.jobs.errors import JobError

# A job function may return a JSON object: the job's result.
JobFunction = Callable[[JobContext], Mapping[str, Any] | None]

JOB_KINDS: Mapping[str, str] = {
    "search": "backend.search.run_search:run_search_job",
    "deploy": "backend.jobs.device_jobs:deploy",
    "rollback": "backend.jobs.device_jobs:rollback",
    "probe": "backend.jobs.device_jobs:probe",
    "scan_host_key": "backend.jobs.device_jobs:scan_host_key",
    "train_model": "backend.jobs.train_model:train_model",
    "import_model": "backend.jobs.import_model:import_model",
    "extract_library": "backend.jobs.extract_library:extract_library",
    "finalize": "backend.finalization.finalize_job:finalize",
    "replace_model": "backend.jobs.replace_model:replace_model",
    "enhance": "backend.jobs.enhance:enhance",
    "build_latency_table": "backend.jobs.build_latency_table:build_latency_table",
}


def job_function(kind: str, kinds: Mapping[str, str] = JOB_KINDS) -> JobFunction:
    """Import the function of a kind.

    Raises:
        JobError: no such kind; the job was queued by another version.
    """
    if kind not in kinds:
        msg = f"This Punchcard has no job kind {kind!r}: was the job queued by another version?"
        raise JobError(msg)
    module, _, name = kinds[kind].partition(":")
    function: JobFunction = getattr(importlib.import_module(module), name)
    return function
