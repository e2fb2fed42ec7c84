"""This computer as a device like every other: the same protocol, processes instead of SSH."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from device_agents.channel import Channel
from device_agents.channel_agent import ChannelAgent
from device_agents.errors import CommandFailedError, DeviceTimeoutError
from device_agents.package_files import PackageFiles
from device_agents.reply import OUTPUT_LIMIT_BYTES, Reply


class LocalChannel:
    """Runs commands on this computer with a home of their own and nothing of ours in it."""

    def __init__(self, home: Path) -> None:
        """Take the folder beneath which everything is written."""
        self.bytes_sent = 0
        self._home = home
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "TMPDIR": str(home),
            "LC_ALL": "C",
        }

    def run(self, argv: Sequence[str], seconds: float) -> Reply:
        """Run a command in a process group that is ended at the limit."""
        process = self._start(argv, stdin=subprocess.DEVNULL)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            msg = f"a program on this computer did not end within {seconds:.0f} s"
            raise DeviceTimeoutError(msg) from error
        finally:
            self._end(process)
        return Reply(process.returncode, output[:OUTPUT_LIMIT_BYTES], errors[:OUTPUT_LIMIT_BYTES])

    def put(self, source: Path, remote: str) -> None:
        """Copy a file."""
        try:
            shutil.copyfile(source, remote)
            self.bytes_sent += source.stat().st_size
        except OSError as error:
            msg = f"{remote} cannot be written: {error.strerror}"
            raise CommandFailedError(msg) from error

    @contextlib.contextmanager
    def hold(self, argv: Sequence[str], ready: str, seconds: float) -> Iterator[str]:
        """Keep a command running while inside."""
        process = self._start(argv, stdin=subprocess.PIPE)
        try:
            yield _wait_for_line(process, ready, seconds)
        finally:
            with contextlib.suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            self._end(process)

    def replace_link(self, link: str, target: str) -> bool:
        """Rename a link over another."""
        Path(link).replace(target)
        return True

    def close(self) -> None:
        """Nothing is held between commands."""

    def _start(self, argv: Sequence[str], *, stdin: int) -> subprocess.Popen[bytes]:
        self._home.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            list(argv),
            env=self._environment,
            cwd=self._home,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _wait_for_line(process: subprocess.Popen[bytes], ready: str, seconds: float) -> str:
    deadline, text = time.monotonic() + seconds, b""
    if process.stdout is None:
        return ""
    while True:
        for line in text.decode(errors="replace").split("\n")[:-1]:
            if line.startswith(ready):
                return line.removeprefix(ready).strip()
        left = deadline - time.monotonic()
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, left))
        chunk = os.read(process.stdout.fileno(), 4096) if readable else b""
        if not chunk:
            msg = f"a command on this computer gave no answer within {seconds:.0f} s"
            raise DeviceTimeoutError(msg)
        text += chunk


class LocalAgent(ChannelAgent):
    """This computer.

    Args:
        home: Folder of its releases, for example ``$PUNCHCARD_HOME/device``.
    """

    def __init__(self, home: Path) -> None:
        """Take the folder of the releases."""
        super().__init__()
        self._home = home.absolute()

    def _open(self) -> Channel:
        return LocalChannel(self._home)

    def _staged(self, channel: Channel, package: PackageFiles) -> str:
        """Return the package's own folder: nothing needs to be copied."""
        return str(package.folder)

    def _unstage(self, channel: Channel) -> None:
        """Leave the package where it is."""
