"""Real workers with short leases, ended at the end of each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.worker_site import Site


@pytest.fixture
def site(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose leases run out after 30 s."""
    for name, value in {
        "HEARTBEAT_S": "0.2",
        "STALE_S": "30",
        "POLL_S": "0.05",
        "GRACE_S": "0.5",
    }.items():
        monkeypatch.setenv(f"PUNCHCARD_{name}", value)
    place = Site(tmp_path)
    yield place
    for worker in place.workers:
        worker.terminate()
    for worker in place.workers:
        worker.wait(60)
    place.database.close()
