"""Finalisations: NPAS's phase 3 on a chosen candidate."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create their table."""
    op.create_table(
        "finalizations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("request_id", sa.String(200), nullable=True, unique=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("search_id", sa.String(32), nullable=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("candidate", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("contestants", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("winner", sa.String(64), nullable=True),
        sa.Column("full_run", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_index("ix_finalizations_source", "finalizations", ["source"])
    op.create_index("ix_finalizations_job_id", "finalizations", ["job_id"])
