"""The schema's version, known without Alembic, which takes longer to load than to find it equal."""

from __future__ import annotations

from sqlalchemy import column, inspect, select, table

from backend.storage.database import Database

# The newest revision in `migrations/versions`.
SCHEMA_VERSION = "0003"
# Optuna keeps its own Alembic version in the table `alembic_version` of the same database.
VERSION_TABLE = "punchcard_version"


def read_version(database: Database) -> str | None:
    """Version of the tables that stand in a database; None where there are none yet."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        version: str | None = connection.scalar(
            select(column("version_num")).select_from(table(VERSION_TABLE))
        )
        return version
