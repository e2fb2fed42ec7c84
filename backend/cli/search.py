"""`punchcard search`: a search without the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
        enqueue: Annotated[
            str | None,
            typer.Option(
                metavar="ID",
                help="Try PLAN.yaml, or a candidate's id, given in place of CONFIG.yaml, next.",
            ),
        ] = None,
        change: Annotated[
            str | None,
            typer.Option(
                metavar="ID",
                help="Change a search, running or not, by the options below; 'last' is the newest.",
            ),
        ] = None,
        trials: Annotated[
            int | None, typer.Option(min=0, help="With --change: candidates in all; 0: no limit.")
        ] = None,
        minutes: Annotated[
            float | None, typer.Option(min=0, help="With --change: minutes in all; 0: no limit.")
        ] = None,
        epochs: Annotated[
            int | None,
            typer.Option(min=0, help="With --change: epochs of training in all; 0: no limit."),
        ] = None,
        workers: Annotated[
            int | None, typer.Option(min=1, help="With --change: candidates in training at once.")
        ] = None,
        sampler: Annotated[
            str | None,
            typer.Option(metavar="NAME", help="Instead of the file's sampler, for example npas."),
        ] = None,
        executor: Annotated[
            str | None,
            typer.Option(help="Where candidates are evaluated: local or ray; not the CONFIG's."),
        ] = None,
        address: Annotated[
            str | None,
            typer.Option(metavar="HOST:PORT", help="Head of the Ray cluster, with --executor ray."),
        ] = None,
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write the front as JSON; - is stdout.")
        ] = None,
    ) -> None:
        """Search the front of accuracy against measured latency."""
        from backend.cli.search_report import follow, print_front, search_json, write_json
        from backend.config.search_file import load_config, parse_config
        from backend.services.searches import get_search, resume_search, start_search

        changes = {"trials": trials, "minutes": minutes, "epochs": epochs, "workers": workers}
        if (change is None) != all(value is None for value in changes.values()):
            msg = "--change ID goes with one of --trials, --minutes, --epochs, --workers"
            raise typer.BadParameter(msg)
        if change is not None:
            _change(change, changes)
            return
        if enqueue is not None:
            _enqueue(enqueue, config)
            return
        if config is None and resume is None:
            msg = "give CONFIG.yaml, --resume ID, or both to go on with another budget"
            raise typer.BadParameter(msg)
        if resume is not None and sampler is not None:
            msg = "a resumed search keeps its sampler: leave out --sampler, or start a new search"
            raise typer.BadParameter(msg)
        place = _place(executor, address)
        given = None if config is None else load_config(config).model_dump(mode="json")
        if resume is not None:
            known = get_search(resume)
            is_done = known.state == "done" and given is None
            search_id = known.id if is_done else resume_search(known.id, place, config=given)
        else:
            assert given is not None
            if sampler is not None:
                given = parse_config({**given, "sampler": sampler}).model_dump(mode="json")
            search_id = start_search({**given, "executor": {**given["executor"], **place}})
        view = follow(search_id)
        if json != "-":
            print_front(view)
        if json is not None:
            write_json(search_json(view), json)


def _enqueue(search_id: str, wanted: Path | None) -> None:
    from backend.config.plan_file import read_plan
    from backend.services.enqueue import enqueue_candidate, enqueue_plan

    if wanted is None:
        msg = "--enqueue ID goes with PLAN.yaml or a candidate's id"
        raise typer.BadParameter(msg)
    if wanted.suffix or wanted.exists():
        found = enqueue_plan(search_id, read_plan(wanted), wanted.name)
    else:
        found = enqueue_candidate(search_id, str(wanted))
    typer.echo(f"search {found} tries {wanted} next")


def _change(search_id: str, changes: dict[str, Any]) -> None:
    from backend.services.searches import change_search, get_search

    view = get_search(change_search(search_id, **changes))
    limits = ", ".join(f"{value:g} {name}" for name, value in view.budget.items())
    typer.echo(f"search {view.id} ({view.state}): {limits}; {view.workers} at once")


def _place(executor: str | None, address: str | None) -> dict[str, str]:
    """What the options change in the configuration's section `executor`."""
    if address is not None and executor is None:
        executor = "ray"
    named = {"kind": executor, "address": address}
    return {key: value for key, value in named.items() if value is not None}
