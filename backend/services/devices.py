"""The registry of devices: this computer is always in it; others are SSH accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from backend.jobs.clock import now_s
from backend.jobs.queue import submit
from backend.services.times import to_datetime
from backend.services.views import DeviceView
from backend.storage.open_database import open_database
from backend.storage.tables import Device
from codegen.errors import PunchcardError
from device_agents.errors import DeviceError
from device_agents.names import (
    check_device_name,
    check_fingerprint,
    check_host,
    check_port,
    check_user,
)

LOCAL = "local"


class DeviceRefusedError(PunchcardError):
    """A device cannot be registered or is not known; the message says why."""


def list_devices() -> tuple[DeviceView, ...]:
    """This computer, then the registered devices by name."""
    with open_database().read() as session:
        rows = {row.name: row for row in session.scalars(select(Device).order_by(Device.name))}
    this_computer = rows.pop(LOCAL, None) or _this_computer()
    return tuple(_view(row) for row in (this_computer, *rows.values()))


def get_device(name: str) -> DeviceView:
    """One device.

    Raises:
        DeviceRefusedError: there is none of that name.
    """
    for device in list_devices():
        if device.name == name:
            return device
    msg = f"There is no device {ascii(name[:80])}: add it first (punchcard devices add)."
    raise DeviceRefusedError(msg)


def scan_host(host: str, port: int = 22) -> str:
    """Queue a look at a host's key and return the job's id.

    The result is {"fingerprint", "key_type", "host", "port"}; nothing is accepted by it.

    Raises:
        DeviceRefusedError: host or port is none.
    """
    with _telling_refusals():
        payload = {"host": check_host(host), "port": check_port(port)}
    return submit(open_database(), "scan_host_key", payload)


def add_device(name: str, host: str, port: int, user: str, key_path: str, fingerprint: str) -> None:
    """Register an SSH account whose host key's fingerprint a person has seen.

    Args:
        name: what the device is called here.
        host: IP address or host name.
        port: SSH port.
        user: account.
        key_path: private key file on this computer; it stays there and is only read when used.
        fingerprint: SHA256:… of the host key.

    Raises:
        DeviceRefusedError: a field is refused, the name is taken, or the key cannot be read.
    """
    with _telling_refusals():
        row = Device(
            name=check_device_name(name),
            kind="ssh",
            host=check_host(host),
            port=check_port(port),
            user=check_user(user),
            key_path=str(_checked_key(key_path)),
            fingerprint=check_fingerprint(fingerprint),
            created_at=now_s(),
        )
    with open_database().write() as session:
        if name == LOCAL or session.get(Device, name) is not None:
            msg = f"There is a device {name} already: remove it first, or take another name."
            raise DeviceRefusedError(msg)
        session.add(row)


def remove_device(name: str) -> None:
    """Forget a device; what stands on it stays.

    Raises:
        DeviceRefusedError: there is none of that name, or it is this computer.
    """
    with open_database().write() as session:
        row = session.get(Device, name)
        if name == LOCAL:
            msg = "This computer cannot be removed from the devices."
            raise DeviceRefusedError(msg)
        if row is None:
            msg = f"There is no device {ascii(name[:80])}."
            raise DeviceRefusedError(msg)
        session.delete(row)


def probe_device(name: str) -> str:
    """Queue a probe and return the job's id; its result are the facts.

    Raises:
        DeviceRefusedError: there is no such device.
    """
    device = get_device(name)
    return submit(open_database(), "probe", {"device": device.name}, subject=f"device:{name}")


def _this_computer() -> Device:
    return Device(name=LOCAL, kind=LOCAL, host="", port=0, user="", fingerprint="", emulated=False)


def _view(row: Device) -> DeviceView:
    return DeviceView(
        name=row.name,
        kind=row.kind,
        host=row.host,
        port=row.port,
        user=row.user,
        fingerprint=row.fingerprint,
        facts=row.facts,
        probed_at=to_datetime(row.probed_at),
        current_release=row.current_release,
        emulated=row.emulated,
    )


def _checked_key(key_path: str) -> Path:
    path = Path(key_path).expanduser()
    if not key_path or not path.is_file():
        msg = f"The key file {ascii(key_path[:200])} is not there: name a private key file."
        raise DeviceRefusedError(msg)
    if path.stat().st_mode & 0o077:
        msg = f"Others may read the key file {ascii(str(path))}: run chmod 600 on it first."
        raise DeviceRefusedError(msg)
    return path.resolve()


@contextmanager
def _telling_refusals() -> Iterator[None]:
    """Turn the device layer's refusals into errors of the services."""
    try:
        yield
    except DeviceError as error:
        raise DeviceRefusedError(str(error)) from None
