"""`punchcard demo`: the sample project's whole job in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.services.views import DeploymentView, SearchView, TrialRow

ALLOWED_LOSS = 0.01  # of accuracy, a fraction: what the deployed point may lose to the dense net


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        json: Annotated[
            str | None, typer.Option(metavar="FILE", help="Write the report as JSON; - is stdout.")
        ] = None,
        trials: Annotated[
            int | None, typer.Option(min=1, help="Another budget than the default one.")
        ] = None,
    ) -> None:
        """Search the sample project, deploy a point of its front here and check its numbers."""
        from backend.cli.search_report import follow, print_front, search_json, write_json
        from backend.services.searches import default_config, start_search

        config = default_config()
        config["reuse"] = False  # every trial is evaluated in this run
        if trials is not None:
            config["budget"] = {"trials": trials}
        view = follow(start_search(config))
        chosen = best_point(view)
        deployed = _deploy(chosen.id)
        if json != "-":
            print_front(view)
            _print_deployed(chosen, deployed)
        if json is not None:
            write_json({**search_json(view), "deployed": _deployed_json(deployed)}, json)


def best_point(view: SearchView) -> TrialRow:
    """The fastest front member that loses at most one point; else the most accurate one."""
    from backend.cli.search_report import ReportError, front_of

    front = front_of(view)
    if not front or view.dense is None:
        msg = f"search {view.id} ended without a front"
        raise ReportError(msg)
    floor = view.dense.accuracy - ALLOWED_LOSS
    good = [trial for trial in front if (trial.accuracy or 0.0) >= floor - 1e-9]
    return good[0] if good else front[-1]


def _deploy(candidate_id: str) -> DeploymentView:
    from backend.cli.search_report import ReportError
    from backend.jobs.inline import run_until_ended
    from backend.services.deployments import list_deployments, start_deployment

    job_id = start_deployment(candidate_id, "local")
    run_until_ended(job_id)
    for deployment in list_deployments():
        if deployment.job_id == job_id:
            if deployment.state != "done":
                reason = deployment.error or deployment.state
                msg = f"{candidate_id} could not be deployed to this computer: {reason}"
                raise ReportError(msg)
            return deployment
    msg = f"the deployment of {candidate_id} left no record"
    raise ReportError(msg)


def _print_deployed(chosen: TrialRow, deployed: DeploymentView) -> None:
    verified = "verified" if deployed.verified else "NOT verified"
    error = deployed.max_relative_error
    detail = "" if error is None else f", largest relative error {error:.1e}"
    typer.echo(f"deployed {chosen.id} to this computer: {verified}{detail}")


def _deployed_json(deployed: DeploymentView) -> dict[str, Any]:
    return {
        "candidate": deployed.candidate_id,
        "device": deployed.device,
        "release": deployed.release,
        "verified": deployed.verified,
        "unchanged": deployed.unchanged,
        "max_relative_error": deployed.max_relative_error,
        "latency_ms": deployed.latency_ms,
    }
