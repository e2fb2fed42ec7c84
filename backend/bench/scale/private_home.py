"""A data folder for the length of a bench: nothing of the user's is read or written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from backend.storage.open_database import open_database
from backend.storage.settings import Settings, load_settings

_NAMES = ("PUNCHCARD_HOME", "PUNCHCARD_ARTIFACTS")


@contextmanager
def private_home() -> Iterator[Settings]:
    """Settings of an empty installation; a database that was named by URL stays the named one."""
    kept = {name: os.environ.pop(name, None) for name in _NAMES}
    try:
        with tempfile.TemporaryDirectory(prefix="punchcard-") as folder:
            os.environ["PUNCHCARD_HOME"] = folder
            settings = load_settings()
            settings.make_folders()
            yield settings
            open_database(settings).close()
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
