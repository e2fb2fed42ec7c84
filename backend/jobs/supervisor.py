"""Keeps the page and the worker running; each is a process group that dies with this one."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.jobs.process import kill_group, started_at
from backend.storage.settings import Settings
from codegen.errors import PunchcardError

_ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN_S = 90.0
_LONGEST_PAUSE_S = 30.0


class StudioError(PunchcardError):
    """The studio cannot be started; the message says what stands in the way."""


@dataclass
class _Child:
    """One process that shall always be there."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    pid_started_at: float | None = None
    start_at: float = 0.0  # monotonic; later after each quick death
    began_at: float = 0.0
    pause_s: float = 0.5


class Supervisor:
    """Starts, watches and ends the page and, if wanted, a worker."""

    def __init__(self, settings: Settings, *, with_worker: bool) -> None:
        self._settings = settings
        self._stop = threading.Event()
        page = [
            *("-m", "streamlit", "run", str(_ROOT / "app" / "main.py")),
            *("--server.port", str(settings.port)),
            *("--server.address", settings.address),
            *("--server.headless", "true"),
            *("--server.fileWatcherType", "none"),
            *("--browser.gatherUsageStats", "false"),
        ]
        self._children = [_Child("page", page)]
        if with_worker:
            self._children.append(_Child("worker", ["-m", "backend.cli.main", "worker"]))

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{self._settings.address}:{self._settings.port}"

    def check_port(self) -> None:
        """Make sure that nothing listens on the page's port.

        Raises:
            StudioError: something does, or the address is not ours.
        """
        address, port = self._settings.address, self._settings.port
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                msg = (
                    f"Port {port} on {address} cannot be used ({os.strerror(error.errno or 0)}): "
                    "end what uses it, or choose another with --port."
                )
                raise StudioError(msg) from None

    def stop(self) -> None:
        """Make `run` end; safe in a signal handler."""
        self._stop.set()

    def run(self, *, on_ready: Callable[[], object]) -> None:
        """Run until `stop` is called; `on_ready` is called once, when the page answers.

        Raises:
            StudioError: the page does not come up.
        """
        is_ready = False
        give_up_at = time.monotonic() + _READY_WITHIN_S
        try:
            while not self._stop.is_set():
                for child in self._children:
                    self._keep_alive(child)
                if not is_ready and self._is_healthy():
                    is_ready = True
                    on_ready()
                if not is_ready and time.monotonic() > give_up_at:
                    msg = (
                        f"The page did not answer within {_READY_WITHIN_S:g} s: "
                        f"{self._log_of('page')} says why."
                    )
                    raise StudioError(msg)
                self._stop.wait(0.25)
        finally:
            self._end_all()

    def _keep_alive(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            kill_group(child.process.pid, child.pid_started_at)
            child.process = None
            # A quick death is answered by longer and longer pauses.
            lived_s = now - child.began_at
            child.pause_s = 0.5 if lived_s > 10 else min(child.pause_s * 2, _LONGEST_PAUSE_S)
            child.start_at = now + child.pause_s
            print(
                f"The {child.name} ended with code {code}; it is started again "
                f"(its output: {self._log_of(child.name)}).",
                file=sys.stderr,
                flush=True,
            )
        if now >= child.start_at:
            child.process = self._start(child)
            child.pid_started_at = started_at(child.process.pid)
            child.began_at = now

    def _start(self, child: _Child) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PUNCHCARD_HOME": str(self._settings.home),
            "PUNCHCARD_DATABASE": self._settings.database_url,
            "PUNCHCARD_PORT": str(self._settings.port),
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", "")))
            ),
        }
        tether = [sys.executable, "-m", "backend.jobs.tether", str(os.getpid()), sys.executable]
        with self._log_of(child.name).open("ab") as output:
            return subprocess.Popen(
                [*tether, *child.command],
                cwd=_ROOT,  # where Streamlit finds .streamlit/config.toml
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )

    def _is_healthy(self) -> bool:
        page = http.client.HTTPConnection(self._settings.address, self._settings.port, timeout=1)
        try:
            page.request("GET", "/_stcore/health")
            return page.getresponse().read(16).strip() == b"ok"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            page.close()

    def _log_of(self, name: str) -> Path:
        return self._settings.logs / f"{name}.out"

    def _end_all(self) -> None:
        """TERM to each group, KILL to what is left after the worker had time to end its jobs."""
        running = [child for child in self._children if child.process is not None]
        for child in running:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._settings.grace_s + 2
        for child in running:
            assert child.process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            kill_group(child.process.pid, child.pid_started_at)
            child.process.wait()
