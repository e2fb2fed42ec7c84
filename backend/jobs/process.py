"""Process groups: children that die with their parent, and ending what is left of a run."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Ask Linux to kill this process when its parent dies; call it first thing in a child.

    Args:
        parent_pid: the parent, as it was at the start. Where it is gone already, this ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent_pid:
        os._exit(1)


def host_name() -> str:
    """Name of this machine: a process id means nothing on another one."""
    return socket.gethostname()


def started_at(pid: int) -> float | None:
    """When a process began, in seconds since boot; None when it is gone or only a zombie.

    With the id it names a process for good: ids return, and clocks may jump.
    """
    return _read_stat(pid)[1]


def is_running(pid: int, pid_started_at: float | None) -> bool:
    """Whether a process lives and is the one that began then."""
    began_at = started_at(pid)
    return began_at is not None and began_at == pid_started_at


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal or a debugger."""
    return _read_stat(pid)[0] in {"T", "t"}


def _read_stat(pid: int) -> tuple[str, float | None]:
    """State letter and start time of proc(5); an empty letter when the process is gone."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", None
    state, *fields = line.rpartition(")")[2].split()
    if state in "ZX":
        return state, None
    return state, int(fields[18]) / os.sysconf("SC_CLK_TCK")  # field 22


def kill_group(pid: int, pid_started_at: float | None) -> None:
    """Send KILL to the group that a runner leads, if the leader is that runner or gone."""
    if started_at(pid) not in (None, pid_started_at):
        return
    # Where the leader is gone its group may live; no other process can take its id till then.
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
