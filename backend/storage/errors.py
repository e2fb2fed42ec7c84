"""What storage can say to a user, each in one sentence."""

from __future__ import annotations

from codegen.errors import PunchcardError


class StorageError(PunchcardError):
    """The database or the folder of artefacts cannot be used; the message says what to do."""


class NewerDatabaseError(StorageError):
    """The database was written by a newer Punchcard."""


class DiskFullError(StorageError):
    """A file could not be written because the disk, or a quota, is full."""
