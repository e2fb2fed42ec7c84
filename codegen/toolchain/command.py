"""Starts one compiler process: own environment, own folder, a time limit, a log."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import ToolchainError

# The first link for a static target builds its C library: minutes on a loaded machine.
COMMAND_SECONDS = 900


@dataclass(frozen=True)
class CommandResult:
    """How a compiler ended: exit status and everything it printed."""

    status: int
    log: str

    @property
    def first_error(self) -> str:
        """The first line that tells of an error, else the first line."""
        lines = [line.strip() for line in self.log.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower() or "undefined" in line.lower()]
        return (errors or lines or ["it printed nothing"])[0][:300]


def run_command(
    argv: Sequence[str], *, folder: Path, zig_cache: Path, seconds: float = COMMAND_SECONDS
) -> CommandResult:
    """Run a compiler in a folder with an environment of our own, in the C locale.

    Args:
        argv: Program and operands; no shell sees them.
        folder: Working folder; file names are relative to it, so that no path reaches an object.
        zig_cache: Where zig keeps its C libraries and intermediate files.
        seconds: Limit after which the process and its children are ended.

    Raises:
        ToolchainError: The program does not start or does not end.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(zig_cache),
        "TMPDIR": str(folder),
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "0",
        "ZIG_GLOBAL_CACHE_DIR": str(zig_cache / "global"),
        # Objects are kept by our own cache; zig's second copy goes with the working folder.
        "ZIG_LOCAL_CACHE_DIR": str(folder / ".zig"),
    }
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        msg = f"the C compiler {argv[0]} does not start: {error.strerror or error}"
        raise ToolchainError(msg) from error
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        msg = f"the C compiler {Path(argv[0]).name} did not end within {seconds:.0f} s"
        raise ToolchainError(msg) from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return CommandResult(process.returncode, output.decode(errors="replace"))
