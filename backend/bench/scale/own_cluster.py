"""A Ray cluster of one node on loopback for the length of a bench."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from codegen.errors import PunchcardError

_START_S = 90.0


@contextmanager
def own_cluster(cpus: int) -> Iterator[str]:
    """Address of a head with so many CPUs, fewer or more than there are.

    Raises:
        PunchcardError: it does not come up.
    """
    # Ray takes loopback for the machine's address under this name alone.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # nobody else gets in
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
            "--port", str(port), "--num-cpus", str(cpus), "--include-dashboard", "false",
            "--object-store-memory", str(100 * 1024 * 1024), "--temp-dir", folder,
        ]  # fmt: skip
        head = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(port, head)
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            with suppress(subprocess.TimeoutExpired):
                head.wait(20)
            head.kill()


def _wait(port: int, head: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and head.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    msg = "the bench's own Ray cluster does not come up; try `ray start --head` by hand"
    raise PunchcardError(msg)
