"""A real studio and a watched browser page, as the browser tests share them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("PUNCHCARD_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
READY_S = 120.0

# A search of four small trials: every stage is the real one, only the numbers are small.
SAMPLE = """\
model: resnet8
data: sample
device: local
sampler: random
seed: {seed}
budget: {{trials: 4}}
space: {{schemes: [pattern, block_punched], rates: [2.25, 4]}}
training:
  images: 64
  epochs: 1
  repair_images: 32
  validation_images: 100
  test_images: 100
"""


def wait_for(what: str, is_so: Callable[[], bool], within_s: float) -> None:
    """Poll until something is so; fail with its name otherwise."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if is_so():
            return
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {within_s:g} s")


@dataclass
class Studio:
    """A running `punchcard studio` with its own home."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worker(self) -> psutil.Process | None:
        """The worker that runs now: the studio's child with `worker` as its command."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if child.cmdline()[-1:] == ["worker"]:
                    return child
            except psutil.Error:
                continue
        return None

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as reply:  # noqa: S310
                return bool(reply.read() == b"ok")
        except OSError:
            return False

    def logs(self) -> str:
        """The ends of all logs, for the message of a failure."""
        files = sorted((self.home / "logs").glob("*"))
        return "\n".join(f"== {f.name}\n{f.read_text(errors='replace')[-1500:]}" for f in files)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_studio(home: Path, *options: str, **environment: str) -> Iterator[Studio]:
    """Run `punchcard studio` on a free port; end it with all its children."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "backend.cli.main", "studio", "--port", str(port), *options],
        cwd=ROOT,
        env={**os.environ, "PUNCHCARD_HOME": str(home), **environment},
    )
    running = Studio(home, port, process)
    try:
        wait_for("the page answers", running.is_healthy, READY_S)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@dataclass
class Watched:
    """A browser page with every address it asked for and every script error."""

    page: Page
    asked: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def assert_local_and_clean(self) -> None:
        """No request left this machine, and no script failed."""
        assert self.asked <= {"127.0.0.1", "localhost", ""}, self.asked
        assert self.errors == []
