"""The studio's two processes come back when killed, and go when the studio goes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from backend.services.status import worker_status
from tests.fault.worker_site import ROOT, is_alive, wait_until

LONG_S = 120.0  # Streamlit on a busy machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    page = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        page.request("GET", "/_stcore/health")
        return page.getresponse().status == 200
    except OSError:
        return False
    finally:
        page.close()


def children(studio: subprocess.Popen[bytes]) -> dict[str, int]:
    """Process ids by role; a tether that has not become its command yet counts as well."""
    found = {}
    for child in psutil.Process(studio.pid).children():
        try:
            words = child.cmdline()
        except psutil.NoSuchProcess:
            continue
        role = "page" if "streamlit" in words else "worker" if "worker" in words else None
        if role is not None and is_alive(child.pid):
            found[role] = child.pid
    return found


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    port, told = free_port(), tmp_path / "told"
    words = [sys.executable, "-m", "backend.cli.main", "studio", "--port", str(port)]
    with told.open("wb") as output:
        process = subprocess.Popen([*words, "--with-worker"], cwd=ROOT, stderr=output)
    yield process, port, told
    process.terminate()
    process.wait(60)


def test_killed_parts_come_back_and_all_end_with_the_studio(
    studio: tuple[subprocess.Popen[bytes], int, Path],
) -> None:
    process, port, told = studio
    wait_until(lambda: f"http://127.0.0.1:{port}" in told.read_text(), LONG_S)
    wait_until(lambda: worker_status().alive, LONG_S)
    before = children(process)
    assert set(before) == {"page", "worker"}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: (
            set(children(process)) == set(before)
            and not set(children(process).values()) & set(before.values())
        ),
        LONG_S,
    )
    wait_until(lambda: answers(port), LONG_S)
    assert "The worker ended with code -9; it is started again" in told.read_text()
    after = children(process)
    process.terminate()
    assert process.wait(60) == 0
    assert not any(is_alive(pid) for pid in after.values())
    assert not answers(port)


def test_parts_die_with_a_killed_studio(
    studio: tuple[subprocess.Popen[bytes], int, Path],
) -> None:
    process, _port, _told = studio
    wait_until(lambda: set(children(process)) == {"page", "worker"}, LONG_S)
    parts = children(process)
    process.kill()
    process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in parts.values()), LONG_S)
