"""`python -m backend.jobs.tether PARENT COMMAND...`: a command that dies with its parent."""

from __future__ import annotations

import os
import sys

from backend.jobs.process import die_with_parent


def main() -> None:
    """Become the command; the kernel's order to die with the parent outlives the exec."""
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - an argument list, no shell


if __name__ == "__main__":
    main()
