"""A recorded stand-in for `backend.services`: the same functions over views kept in memory.

Page tests use it to put a page into any of its states without a worker; the browser tests of
`tests/e2e` use the real services.
"""

import importlib
from datetime import timedelta
from typing import Any

from fake_devices import FakeDevices
from fake_models import FakeModels
from fake_records import LIBRARY, NOW, REPLACED, TRAINED
from fake_searches import FakeSearches

from backend.services.views import (
    JobView,
    WorkerStatus,
)


class FakeStudio(FakeModels, FakeSearches, FakeDevices):
    """The services of one scenario; calls that change something are recorded in `calls`."""

    # status
    def worker_status(self) -> WorkerStatus:
        seen = NOW - timedelta(minutes=4)
        running = int(self.scenario == "working")
        return WorkerStatus(alive=self.worker_alive, last_seen=seen, running=running, waiting=0)

    def database_problem(self) -> str | None:
        if self.scenario == "database":
            return "The database was made by a newer Punchcard (7 > 3): install that version."
        return None

    # jobs
    def get_job(self, job_id: str) -> JobView:
        state = {"working": "running", "failed": "failed"}.get(self.scenario, "done")
        results = {
            "job-import": {"model": "resnet8"},
            "job-scan": {"fingerprint": "SHA256:abc", "host": "pi.local", "port": 22},
            "job-rollback": {"release": "r-1"},
            "job-library": LIBRARY,
            "job-replace": REPLACED,
            "job-gain": {**REPLACED, "model": None},
            "job-train": TRAINED,
            "job-table": {"table": "local-1a2b3c4d", "programs": 130, "coverage": 0.98},
        }
        return JobView(
            id=job_id,
            kind="job",
            state=state,
            phase="check",
            done=1,
            total=4,
            message="reading nodes",
            error="Loop_17 (Loop) cannot be compiled." if state == "failed" else None,
            result=results.get(job_id, {}) if state == "done" else None,
            created_at=NOW,
            updated_at=NOW,
        )

    def cancel_job(self, job_id: str) -> None:
        self.calls.append(("cancel_job", (job_id,)))

    def list_jobs(self, limit: int = 50) -> list[JobView]:
        return [self.get_job("job-import")]


MODULES = {
    "status": ("worker_status", "database_problem"),
    "models": ("list_models", "describe_model", "submit_model"),
    "data": ("list_data",),
    "patterns": (
        "list_pattern_sets",
        "save_pattern_set",
        "delete_pattern_set",
        "validate_patterns",
    ),
    "pattern_study": ("study_patterns", "extract_patterns", "trade_patterns"),
    "pattern_libraries": ("start_library",),
    "search_space": ("list_filter_types", "list_menus", "describe_space"),
    "searches": (
        "default_config",
        "validate_config",
        "start_search",
        "list_searches",
        "get_search",
        "cancel_search",
        "pause_search",
        "resume_search",
        "change_search",
    ),
    "enqueue": ("enqueue_plan",),
    "exports": ("trials_as_csv", "trials_as_parquet"),
    "training": ("list_recipes", "start_training", "living_training"),
    "replacements": ("list_replaceable", "start_replacement"),
    "finalizations": (
        "contestant_choices",
        "default_settings",
        "start_finalization",
        "list_finalizations",
        "get_finalization",
        "cancel_finalization",
        "pause_finalization",
        "resume_finalization",
    ),
    "candidates": ("get_candidate", "layer_mask"),
    "devices": ("list_devices", "scan_host", "add_device", "remove_device", "probe_device"),
    "latency_tables": (
        "list_tables",
        "tables_of",
        "start_table",
        "table_file",
        "bring_in_table",
        "remove_table",
    ),
    "deployments": ("start_deployment", "rollback_device", "list_deployments"),
    "enhancement": (
        "list_nets",
        "base_of",
        "start_study",
        "list_studies",
        "get_study",
        "picture_rows",
        "pictures_zip",
    ),
    "jobs": ("get_job", "cancel_job", "resume_job", "list_jobs"),
}


def install(studio: FakeStudio, set_attribute: Any = setattr) -> None:
    """Put a studio's functions in place of the real services'."""
    for name, functions in MODULES.items():
        module = importlib.import_module(f"backend.services.{name}")
        for function in functions:
            set_attribute(module, function, getattr(studio, function))
