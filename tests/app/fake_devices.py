"""Devices, deployments, latency tables and studies of the recorded studio."""

from datetime import timedelta
from typing import Any

import fake_enhancement
import fake_latency
from fake_recorder import Recorder
from fake_records import NOW, SEARCH_ID

from backend.services.errors import PunchcardError
from backend.services.views import (
    DeploymentView,
    DeviceView,
    StepView,
)


class FakeDevices(Recorder):
    """Services about devices, and the enhancement study."""

    # devices
    def list_devices(self) -> list[DeviceView]:
        local = DeviceView(
            name="local",
            kind="local",
            host="",
            port=0,
            user="",
            fingerprint="",
            facts={
                "arch": "x86_64",
                "cpu": "Intel Xeon (2 cores)",
                "cores": 2,
                "memory_bytes": 8_200_000_000,
                "target": "x86_64-avx2",
            },
            probed_at=NOW - timedelta(minutes=9),
            current_release=None if self.scenario == "empty" else "r-8c1f22ab",
            emulated=False,
        )
        if self.scenario == "empty":
            return [local]
        pi = DeviceView(
            name="pi-desk",
            kind="ssh",
            host="192.168.1.40",
            port=22,
            user="pi",
            fingerprint="SHA256:Wm3nq8m3nC1W0p7mO6Z2w0y5m1b9q8r7t6y5u4i3o2p",
            facts=None,
            probed_at=None,
            current_release=None,
            emulated=False,
        )
        return [local, pi]

    def scan_host(self, host: str, port: int) -> str:
        self.calls.append(("scan_host", (host, port)))
        return "job-scan"

    def add_device(self, *args: Any, **kwargs: Any) -> None:
        self.calls.append(("add_device", args))

    def remove_device(self, name: str) -> None:
        self.calls.append(("remove_device", (name,)))

    def probe_device(self, name: str) -> str:
        self.calls.append(("probe_device", (name,)))
        return "job-probe"

    # deployments
    def start_deployment(
        self, candidate_id: str, device: str, *, request_id: str, tune_seconds: int
    ) -> str:
        call = (candidate_id, device, request_id, tune_seconds)
        self.calls.append(("start_deployment", call))
        return "job-deploy"

    def rollback_device(self, device: str) -> str:
        self.calls.append(("rollback_device", (device,)))
        return "job-rollback"

    def list_deployments(self) -> list[DeploymentView]:
        if self.scenario == "empty":
            return []
        state = {"working": "running", "failed": "failed"}.get(self.scenario, "done")
        states = {
            "done": ("done", "done", "done", "done"),
            "running": ("done", "running", "waiting", "waiting"),
            "failed": ("done", "done", "failed", "waiting"),
        }[state]
        notes = ("x86_64-avx2, 11 objects from the cache", "384 kB", "", "")
        steps = tuple(
            StepView(name=name, state=s, seconds=1.2 if s == "done" else None, message=note)
            for name, s, note in zip(
                ("build", "upload", "self_test", "switch"), states, notes, strict=True
            )
        )
        done = state == "done"
        view = DeploymentView(
            id="d-1",
            candidate_id=f"{SEARCH_ID}-5",
            device="local",
            state=state,
            release="r-8c1f22ab" if done else None,
            verified=done,
            max_relative_error=2.4e-6 if done else None,
            latency_ms=2.29 if done else None,
            unchanged=False,
            steps=steps,
            created_at=NOW - timedelta(minutes=2),
            job_id="job-deploy",
            error="The self-test differs by 3e-2 (limit 1e-4)." if state == "failed" else None,
        )
        return [view]

    # latency tables
    def list_tables(self) -> Any:
        return [] if self.scenario == "empty" else [fake_latency.TABLE]

    def tables_of(self, device: DeviceView) -> tuple[str, ...]:
        return (fake_latency.TABLE.name,) if device.kind == "local" else ()

    def start_table(self, device: str, model: str, menu: str, **options: Any) -> str:
        self.calls.append(("start_table", (device, model, menu, options["minutes"])))
        return "job-table"

    def table_file(self, name: str) -> bytes:
        return b"{}"

    def bring_in_table(self, file_name: str, content: bytes) -> str:
        raise PunchcardError(f"{file_name!r} is no latency table")

    def remove_table(self, name: str) -> None:
        self.calls.append(("remove_table", (name,)))

    # enhancement
    def list_nets(self) -> Any:
        return fake_enhancement.nets()

    def base_of(self, name: str) -> tuple[str, str]:
        raise PunchcardError(f"{name!r} is no candidate of a search: name the dense net beside it")

    def start_study(self, order: Any, files: Any = (), *, request_id: str | None = None) -> str:
        self.calls.append(("start_study", (order, files, request_id)))
        return fake_enhancement.STUDY_ID

    def list_studies(self, limit: int = 20) -> Any:
        if self.scenario == "empty":
            return []
        return [fake_enhancement.study(self.get_job(fake_enhancement.STUDY_ID))]

    def get_study(self, job_id: str) -> Any:
        return fake_enhancement.study(self.get_job(job_id))

    def picture_rows(self, job_id: str) -> Any:
        return fake_enhancement.picture_rows()

    def pictures_zip(self, job_id: str) -> bytes:
        return b"PK"
