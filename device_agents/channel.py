"""What the deployment protocol needs of a way to a device: run, put, lock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from device_agents.reply import Reply


class Channel(Protocol):
    """A way to one device, opened by an agent and closed by it.

    Every method ends within its limit or raises ``DeviceTimeoutError``. After a
    ``ConnectionFailedError`` the channel is not used again.
    """

    bytes_sent: int

    def run(self, argv: Sequence[str], seconds: float) -> Reply:
        """Run a command to its end and return its output; a bad status is no error here."""

    def put(self, source: Path, remote: str) -> None:
        """Copy a file into an existing folder of the device; never onto a live file."""

    def hold(self, argv: Sequence[str], ready: str, seconds: float) -> AbstractContextManager[str]:
        """Start a command, wait for a line that begins with ``ready``, keep it while inside.

        The context's value is the rest of that line. At exit the command's input is closed.
        """

    def replace_link(self, link: str, target: str) -> bool:
        """Rename one link over another where the device's ``mv`` cannot; False: neither can we."""

    def close(self) -> None:
        """Give everything back; safe to call twice."""
