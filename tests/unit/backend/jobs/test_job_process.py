"""Process groups are ended whole, and never those of a stranger."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from backend.jobs.process import is_running, is_stopped, kill_group, started_at

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP, process_group=0)
    yield process
    process.kill()
    process.wait()


def wait_gone(pid: int) -> None:
    for _ in range(600):
        if started_at(pid) is None:
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there")


def test_group_of_the_named_process_is_killed(leader: subprocess.Popen[bytes]) -> None:
    began_at = started_at(leader.pid)
    assert is_running(leader.pid, began_at)
    assert not is_stopped(leader.pid)
    kill_group(leader.pid, began_at)
    assert leader.wait(20) == -9
    assert not is_running(leader.pid, began_at)
    kill_group(leader.pid, began_at)  # gone already: nothing happens


def test_later_process_of_the_same_id_is_spared(leader: subprocess.Popen[bytes]) -> None:
    began_at = started_at(leader.pid)
    assert began_at is not None
    kill_group(leader.pid, began_at - 5)
    assert not is_running(leader.pid, began_at - 5)
    assert leader.poll() is None


@pytest.mark.parametrize("is_late", [False, True], ids=["parent dies", "parent is gone"])
def test_child_dies_with_its_parent(is_late: bool) -> None:
    parent_word = "1" if is_late else "os.getpid()"
    code = (
        "import os, subprocess, sys, time\n"
        f"words = [sys.executable, '-m', 'backend.jobs.tether', str({parent_word}), '/bin/sleep',"
        " '600']\n"
        "child = subprocess.Popen(words)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=dict(os.environ)) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        if not is_late:
            # Killed before or after its child has asked to die with it: the result is the same.
            parent.kill()
        wait_gone(child)
        parent.kill()
