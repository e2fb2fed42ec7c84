"""Which code and which libraries made a result."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]


@cache
def provenance() -> dict[str, str]:
    """Commit of the source ("unknown" outside a repository) and version of torch."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "unknown"
    return {"commit": _commit(), "torch": torch}


def _commit() -> str:
    argv = (
        "git",
        "-C",
        str(_ROOT),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=10",
        "--exclude",
        "*",
    )
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"
