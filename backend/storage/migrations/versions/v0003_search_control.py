"""What users ask of a running search: another budget, more evaluators, a candidate to try."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column to the searches, and a table of candidates that were asked for."""
    op.add_column("searches", sa.Column("control", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "searches", sa.Column("epochs_spent", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "asked_candidates",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column(
            "search_id", sa.String(32), sa.ForeignKey("searches.id"), nullable=False, index=True
        ),
        sa.Column("candidate", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("origin", sa.String(200), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
