"""The C files around every generated model: life cycle, threads, weights, processor."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from codegen.bundle import SourceFile

_FOLDER = Path(__file__).parent / "templates" / "runtime"


@cache
def runtime_files() -> tuple[SourceFile, ...]:
    """Their text is the same for every model and target; sorted by name."""
    files = sorted([*_FOLDER.glob("*.c"), *_FOLDER.glob("*.h")])
    return tuple(
        SourceFile(path.name, path.read_text(encoding="utf-8"), is_portable=True) for path in files
    )
