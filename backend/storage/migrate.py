"""Brings a database to the schema of this program: a copy first, then Alembic's steps."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from backend.storage.database import Database
from backend.storage.errors import NewerDatabaseError
from backend.storage.named_lock import named_lock
from backend.storage.settings import Settings
from backend.storage.version import SCHEMA_VERSION, VERSION_TABLE, read_version

PATIENCE_S = 600.0
_MIGRATIONS = Path(__file__).with_name("migrations")


def bring_up_to_date(database: Database, settings: Settings) -> None:
    """Create or migrate the tables; does nothing where they are current.

    Raises:
        NewerDatabaseError: the database was written by a newer Punchcard.
    """
    # Two processes, or two machines of a team, may meet an empty database at once.
    with named_lock(database, "the database's schema", settings.home / "locks", PATIENCE_S):
        version = read_version(database)
        if version == SCHEMA_VERSION:
            return
        if version is not None:
            known = {script.revision for script in _scripts().walk_revisions()}
            if version not in known:
                msg = (
                    f"The database {database.label} was written by a newer Punchcard (schema "
                    f"{version}, this program knows schemas up to {SCHEMA_VERSION}): bring this "
                    "program up to date, or set PUNCHCARD_HOME to another folder."
                )
                raise NewerDatabaseError(msg)
            _back_up(database, settings.backups, version)
        _migrate(database)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _migrate(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    connection: Connection
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        config.attributes["version_table"] = VERSION_TABLE
        command.upgrade(config, "head")


def _back_up(database: Database, folder: Path, version: str) -> None:
    """Copy an SQLite file through its backup API; a server's database has its own backups."""
    if database.path is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    target = folder / f"punchcard-schema-{version}-{stamp}.db"
    with (
        closing(sqlite3.connect(database.path)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
