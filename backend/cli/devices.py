"""`punchcard devices`: the registry of devices."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_Name = Annotated[str, typer.Argument(help="Name of a registered device, or 'local'.")]
_Json = Annotated[
    str | None, typer.Option("--json", help="Write the answer to a file, or - for stdout.")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Register and ask devices.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_all)
    group.command("probe")(probe)
    group.command("test")(test)
    group.command("remove")(remove)
    app.add_typer(group, name="devices")


def add(
    name: Annotated[str, typer.Argument(help="What to call the device.")],
    host: Annotated[str, typer.Option("--host", help="IP address or host name.")],
    user: Annotated[str, typer.Option("--user", help="Account on the device.")],
    key: Annotated[str, typer.Option("--key", help="Private key file on this computer.")],
    port: Annotated[int, typer.Option("--port")] = 22,
    fingerprint: Annotated[
        str | None, typer.Option("--fingerprint", help="SHA256:… of the host's key.")
    ] = None,
    emulated: Annotated[
        bool, typer.Option("--emulated", help="Its times mean nothing; never show them.")
    ] = False,
) -> None:
    """Register an SSH account; the host's key is accepted by you, once, or not at all."""
    from backend.cli.progress import say
    from backend.devices.scan import scan_host_key
    from backend.services.devices import add_device
    from codegen.errors import PunchcardError
    from device_agents.names import check_fingerprint

    shown = scan_host_key(host, port)
    found, where = shown["fingerprint"], f"{host}:{port}"
    if fingerprint is None:
        say(f"{where} shows the {shown['key_type']} key {found}")
        if not _accepts():
            msg = f"{name} was not added: its host key was not accepted"
            raise PunchcardError(msg)
        fingerprint = found
    elif check_fingerprint(fingerprint) != found:
        _check_other_key(host, port, user, key, fingerprint)
    add_device(name, host, port, user, key, fingerprint)
    if emulated:
        _mark_emulated(name)
    say(f"device {name} added: {user}@{where}, host key {fingerprint}")


def list_all(json_target: _Json = None) -> None:
    """List this computer and the registered devices."""
    from backend.cli.progress import write_json
    from backend.services.devices import list_devices

    devices = list_devices()
    if json_target is not None:
        rows = [
            {
                "name": device.name,
                "kind": device.kind,
                "host": device.host,
                "port": device.port,
                "user": device.user,
                "fingerprint": device.fingerprint,
                "facts": device.facts,
                "probed_at": device.probed_at.isoformat() if device.probed_at else None,
                "current_release": device.current_release,
                "emulated": device.emulated,
            }
            for device in devices
        ]
        write_json({"devices": rows}, json_target)
        return
    for device in devices:
        where = f"{device.user}@{device.host}:{device.port}" if device.host else "this computer"
        release = device.current_release or "no release"
        typer.echo(f"{device.name:20} {where:32} {release}")


def probe(name: _Name, json_target: _Json = None) -> None:
    """Ask a device what it is and remember the answer."""
    from backend.cli.progress import say, write_json
    from backend.devices.registry import open_agent, store_facts
    from backend.storage.open_database import open_database
    from codegen.targets.registry import target_for

    with open_agent(name) as agent:
        facts = agent.probe()
    with open_database().write() as session:
        store_facts(session, name, facts)
    answer: dict[str, Any] = facts.to_json()
    answer["target"] = target_for(answer).full_name
    if json_target is not None:
        write_json(answer, json_target)
    say(
        f"{name}: {facts.model or facts.cpu or facts.arch}, {facts.cores} cores, {facts.libc}, "
        f"{facts.memory_bytes // 2**20} MiB, builds for {answer['target']}, programs run in "
        f"{facts.folder or 'no folder'}{', emulated' if facts.emulated else ''}"
    )


def test(name: _Name, json_target: _Json = None) -> None:
    """Hash and run the release that is current on a device, changing nothing."""
    from backend.cli.progress import say, say_step, write_json
    from backend.devices.deploy import release_json
    from backend.devices.registry import open_agent

    with open_agent(name) as agent:
        report = release_json(agent.test(say_step))
    if json_target is not None:
        write_json(report, json_target)
    say(f"release {report['release']} on {name} answers as it should")


def remove(name: _Name) -> None:
    """Forget a device; what stands on it stays."""
    from backend.cli.progress import say
    from backend.services.devices import remove_device

    remove_device(name)
    say(f"device {name} removed")


def _accepts() -> bool:
    """Ask a person; without one, nobody has seen the key and nothing is accepted."""
    import sys

    if not sys.stdin.isatty():
        from codegen.errors import PunchcardError

        msg = "nobody is here to accept the host key: compare it and give it by --fingerprint"
        raise PunchcardError(msg)
    return typer.confirm("Is this the key of your device, and do you accept it?", err=True)


def _check_other_key(host: str, port: int, user: str, key: str, fingerprint: str) -> None:
    """A host may have several keys: the given one counts if the host proves to hold it."""
    from device_agents.ssh_connection import SshAddress, prove_host_key

    prove_host_key(SshAddress(host, port, user, key, fingerprint))


def _mark_emulated(name: str) -> None:
    from backend.storage.open_database import open_database
    from backend.storage.tables import Device

    with open_database().write() as session:
        row = session.get(Device, name)
        if row is not None:
            row.emulated = True
