"""Process groups: children that die with their parent, and ending what is left of a run."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys

import psutil

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Ask Linux to kill this process when its parent dies; call it first thing in a child.

    Args:
        parent_pid: the parent as it was at the start. Where it is gone already, this ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent_pid:
        os._exit(1)


def host_name() -> str:
    """Name of this machine: a process id means nothing on another one."""
    return socket.gethostname()


def started_at(pid: int) -> float:
    """When a process began, which tells it from a later one of the same id."""
    return psutil.Process(pid).create_time()


def kill_group(pid: int, pid_started_at: float | None) -> None:
    """Send KILL to the group that a runner leads, if the leader is still that runner or gone."""
    try:
        if pid_started_at is not None and abs(started_at(pid) - pid_started_at) > 1:
            return
    except psutil.NoSuchProcess:
        pass  # the leader is gone; its group may live, and no new group can take its id till then
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
