"""The database of an installation, opened once a process and brought to this program's schema."""

from __future__ import annotations

from threading import Lock

from backend.storage.database import Database
from backend.storage.settings import Settings, load_settings
from backend.storage.version import SCHEMA_VERSION, read_version

_opened: dict[str, Database] = {}
_opening = Lock()


def open_database(settings: Settings | None = None) -> Database:
    """Open the database of an installation, creating or migrating it where needed.

    One `Database` per URL and process. Call it in the process that uses it, after any spawn.

    Raises:
        StorageError: no access, no disk, not a database.
        NewerDatabaseError: a newer Punchcard wrote it.
    """
    settings = settings or load_settings()
    with _opening:
        database = _opened.get(settings.database_url)
        if database is None or _has_vanished(database):
            settings.make_folders()
            database = Database(settings.database_url)
            with database.telling_errors():
                if read_version(database) != SCHEMA_VERSION:
                    # Alembic takes longer to load than it takes to find the schema current.
                    from backend.storage.migrate import bring_up_to_date

                    bring_up_to_date(database, settings)
            _opened[settings.database_url] = database
        return database


def _has_vanished(database: Database) -> bool:
    return database.path is not None and not database.path.exists()
