"""`punchcard deploy` and `punchcard rollback`: releases on a device."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_Json = Annotated[
    str | None, typer.Option("--json", help="Write the report to a file, or - for stdout.")
]
_Device = Annotated[str, typer.Option("--device", help="A registered device, or 'local'.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("deploy")(deploy)
    app.command("rollback")(rollback)


def deploy(
    candidate: Annotated[
        str, typer.Argument(help="Id of a finished trial, or a folder made by 'compile'.")
    ],
    device: _Device = "local",
    tune: Annotated[
        float, typer.Option("--tune", min=0, metavar="SECONDS", help="Measure schedules first.")
    ] = 0,
    json_target: _Json = None,
) -> None:
    """Build a candidate for a device, put it there, prove it, then switch to it."""
    from backend.cli.progress import say, say_step
    from backend.devices.deploy import deploy_candidate
    from backend.devices.registry import device_record

    device_record(device)
    say(f"deploying {candidate} to {device}")
    report = deploy_candidate(candidate, device, say_step, tune_seconds=tune)
    _finish(report, device, json_target)


def rollback(device: _Device = "local", json_target: _Json = None) -> None:
    """Switch a device back to the release that was current before."""
    from backend.cli.progress import say_step
    from backend.devices.deploy import rollback_device

    _finish(rollback_device(device, say_step), device, json_target)


def _finish(report: dict[str, Any], device: str, json_target: str | None) -> None:
    from backend.cli.progress import say, write_json
    from backend.devices.registry import store_release
    from backend.storage.open_database import open_database

    with open_database().write() as session:
        store_release(session, device, report["release"])
    latency = report["latency_ms"]
    time = "emulated: no latency" if latency is None else f"median {latency:.4f} ms"
    state = "unchanged" if report["unchanged"] else "now current"
    verified = "verified" if report["verified"] else "not verified"
    say(
        f"release {report['release']} on {device}: {state}, {verified}, {time}, "
        f"largest relative error {report['max_relative_error']:.1e}"
    )
    if json_target is not None:
        write_json(report, json_target)
