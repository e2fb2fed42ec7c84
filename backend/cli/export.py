"""`punchcard export`: the trials of a search as a table, a candidate's package as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def export(
        what: Annotated[
            str, typer.Argument(help="Id of a search ('last' is the newest) or of a candidate.")
        ],
        out: Annotated[
            Path,
            typer.Option(metavar="FILE", help="trials.csv or trials.parquet; a package: .zip."),
        ],
        package: Annotated[
            bool, typer.Option("--package", help="The package of the candidate WHAT.")
        ] = False,
    ) -> None:
        """Write the trials of a search as CSV or Parquet, or a candidate's package as a zip."""
        from backend.services.exports import export_package, export_trials

        if package:
            export_package(what, out)
        else:
            export_trials(what, out)
        typer.echo(f"{out}: {out.stat().st_size:,} bytes")
