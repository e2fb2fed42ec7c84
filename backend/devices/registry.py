"""From a registered device's name to an agent, and what is remembered about the device."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.jobs.clock import now_s
from backend.storage.open_database import open_database
from backend.storage.settings import Settings, load_settings
from backend.storage.tables import Device
from codegen.errors import PunchcardError
from device_agents.agent import DeviceAgent
from device_agents.facts import DeviceFacts
from device_agents.registry import DeviceRecord
from device_agents.registry import open_agent as open_record

LOCAL = "local"


class UnknownDeviceError(PunchcardError):
    """No device of that name is registered."""


def device_record(name: str, settings: Settings | None = None) -> DeviceRecord:
    """Return what an agent needs to know of a device.

    Raises:
        UnknownDeviceError: There is no such device.
    """
    settings = settings or load_settings()
    home = settings.home / "devices" / LOCAL
    if name == LOCAL:
        return DeviceRecord(name, "local", home)
    with open_database(settings).read() as session:
        row = session.get(Device, name)
    if row is None:
        msg = f"there is no device {ascii(name[:80])}: add it first (punchcard devices add)"
        raise UnknownDeviceError(msg)
    return DeviceRecord(
        name=row.name,
        kind=row.kind,
        home=home,
        host=row.host,
        port=row.port,
        user=row.user,
        key_path=row.key_path,
        fingerprint=row.fingerprint,
        emulated=row.emulated,
    )


def open_agent(name: str, settings: Settings | None = None) -> DeviceAgent:
    """Return the agent of a registered device, or of this computer; use it in a ``with`` block.

    Raises:
        UnknownDeviceError: There is no such device.
        DeviceError: A name in its row is refused.
    """
    return open_record(device_record(name, settings))


def store_facts(session: Session, name: str, facts: DeviceFacts) -> None:
    """Keep what a probe found; this computer gets its row at the first one."""
    row = _row(session, name)
    if row is not None:
        row.facts = facts.to_json()
        # Once a person or a probe has said so, a probe that sees nothing does not take it back.
        row.emulated = row.emulated or facts.emulated
        row.probed_at = now_s()


def store_release(session: Session, name: str, release: str) -> None:
    """Keep which release is current on a device."""
    row = _row(session, name)
    if row is not None:
        row.current_release = release


def _row(session: Session, name: str) -> Device | None:
    row = session.get(Device, name)
    if row is None and name == LOCAL:
        row = Device(name=LOCAL, kind=LOCAL, port=0, emulated=False, created_at=now_s())
        session.add(row)
    return row
