"""The one way from an argument list to a command text of a remote shell."""

from __future__ import annotations

from collections.abc import Sequence

from device_agents.errors import NameRefusedError


def quote_command(argv: Sequence[str]) -> str:
    """Return a text from which a POSIX shell reads back exactly these arguments.

    Everything stands within single quotes, where a shell gives no character a meaning; a single
    quote itself ends them, follows escaped, and opens them again.

    Raises:
        NameRefusedError: An argument holds a NUL, which no command line can carry.
    """
    if any("\0" in argument for argument in argv):
        msg = "an argument holds a NUL character: no command can take it"
        raise NameRefusedError(msg)
    return " ".join("'" + argument.replace("'", "'\\''") + "'" for argument in argv)
