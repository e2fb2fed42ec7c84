"""The C files of the program around a model: the same text for every model and target."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).parent / "runner"


@cache
def runner_sources() -> Mapping[str, str]:
    """Return name and text of every runner file, sorted by name."""
    files = sorted([*_FOLDER.glob("*.c"), *_FOLDER.glob("*.h")])
    return MappingProxyType({path.name: path.read_text(encoding="utf-8") for path in files})
