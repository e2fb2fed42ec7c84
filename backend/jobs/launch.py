"""Starts a runner: one process and process group for each run of a job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from backend.jobs.lease import Claim
from backend.storage.settings import Settings

# Where a runner looks kinds up; tests name a registry of their own.
DEFAULT_KINDS = "backend.jobs.kinds:JOB_KINDS"
# The runner is started by module name; it must find the same source as this process.
_SOURCE = Path(__file__).resolve().parents[2]


def start_runner(
    claim: Claim, settings: Settings, kinds: str = DEFAULT_KINDS
) -> subprocess.Popen[bytes]:
    """Start the runner of a claimed job; what it prints goes to a file beside its log."""
    search_path = os.pathsep.join(filter(None, (str(_SOURCE), os.environ.get("PYTHONPATH"))))
    environment = {
        **os.environ,
        "PUNCHCARD_HOME": str(settings.home),
        "PUNCHCARD_DATABASE": settings.database_url,
        "PYTHONPATH": search_path,
    }
    arguments = [
        *(sys.executable, "-m", "backend.jobs.runner", claim.job_id, str(claim.token)),
        *("--parent", str(os.getpid()), "--kinds", kinds),
    ]
    with (settings.logs / f"{claim.job_id}.out").open("ab") as output:
        return subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
