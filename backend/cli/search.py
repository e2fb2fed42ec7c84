"""`punchcard search`: a search without the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def search(
        config: Annotated[
            Path | None, typer.Argument(help="CONFIG.yaml, the same schema as the page's form.")
        ] = None,
        resume: Annotated[
            str | None,
            typer.Option(metavar="ID", help="Go on with a stopped search; 'last' is the newest."),
        ] = None,
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write the front as JSON; - is stdout.")
        ] = None,
    ) -> None:
        """Search the front of accuracy against measured latency."""
        from backend.cli.search_report import follow, print_front, search_json, write_json
        from backend.config.search_file import load_config
        from backend.services.searches import get_search, resume_search, start_search

        if (config is None) == (resume is None):
            msg = "give either CONFIG.yaml or --resume ID"
            raise typer.BadParameter(msg)
        if resume is not None:
            known = get_search(resume)
            search_id = known.id if known.state == "done" else resume_search(known.id)
        else:
            assert config is not None
            search_id = start_search(load_config(config).model_dump(mode="json"))
        view = follow(search_id)
        if json != "-":
            print_front(view)
        if json is not None:
            write_json(search_json(view), json)
