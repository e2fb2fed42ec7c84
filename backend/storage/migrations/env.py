"""Alembic loads this file to run the migrations on a connection that it is handed."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,  # a kill in the middle leaves the old schema
)
with context.begin_transaction():
    context.run_migrations()
