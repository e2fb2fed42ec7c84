"""How scripts are sent to a device and what is taken of their answer: only what is ours."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device_agents.errors import CommandFailedError, ConnectionFailedError

# A device that prints without end must not fill this computer's memory.
OUTPUT_LIMIT_BYTES = 10_000_000


@dataclass(frozen=True)
class Reply:
    """How a command ended: exit status and output, cut at ``OUTPUT_LIMIT_BYTES``."""

    status: int
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        """The output as text."""
        return self.output.decode("utf-8", errors="replace")

    @property
    def last_error(self) -> str:
        """The last line of the error output, or of the output."""
        lines = (self.errors or self.output).decode("utf-8", errors="replace").split("\n")
        # A device's words reach a terminal: nothing in them may steer it.
        plain = ("".join(c if c.isprintable() else " " for c in line) for line in lines)
        stripped = [line.strip() for line in plain if line.strip()]
        return stripped[-1][:300] if stripped else f"exit status {self.status}"


def run_script(
    run: Callable[[Sequence[str], float], Reply],
    script: str,
    *arguments: str,
    seconds: float,
) -> Reply:
    """Run a POSIX script on a device and return what stands between our own two marks.

    Login shells greet people on the output, so only the part between two lines with a random
    number is taken; a missing second mark means that the command was cut off.

    Args:
        run: Runs an argument list on the device within so many seconds.
        script: Text for ``sh -c``; its own arguments are $1, $2, …
        arguments: Data; the script sees them unchanged.
        seconds: Limit.

    Raises:
        ConnectionFailedError: The answer is cut off.
    """
    mark = f"@{secrets.token_hex(8)}"
    marked = f"printf '%s\\n' '{mark}'\n(\n{script}\n)\nprintf '\\n%s %d\\n' '{mark}' \"$?\""
    reply = run(["sh", "-c", marked, "sh", *arguments], seconds)
    begin, end = f"{mark}\n".encode(), f"\n{mark} ".encode()
    start, stop = reply.output.find(begin), reply.output.rfind(end)
    if start < 0 or stop < 0:
        msg = f"the device's answer is cut off ({reply.last_error}): try again"
        raise ConnectionFailedError(msg)
    start += len(begin)
    status = reply.output[stop + len(end) :].split(b"\n", 1)[0]
    return Reply(int(status), reply.output[start : max(start, stop)], reply.errors)


def check_reply(reply: Reply, what: str) -> Reply:
    """Return a reply that ended well.

    Raises:
        CommandFailedError: It did not; the message says what was being done.
    """
    if reply.status != 0:
        msg = f"{what} failed on the device: {reply.last_error}"
        raise CommandFailedError(msg)
    return reply
