"""Which agent talks to which kind of device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from device_agents.agent import DeviceAgent
from device_agents.errors import DeviceError
from device_agents.local_agent import LocalAgent


@dataclass(frozen=True)
class DeviceRecord:
    """A registered device, as far as an agent needs it.

    Attributes:
        kind: Key of ``AGENTS``.
        home: Folder of this computer's own releases (kind local).
    """

    name: str
    kind: str
    home: Path
    host: str = ""
    port: int = 22
    user: str = ""
    key_path: str = ""
    fingerprint: str = ""
    emulated: bool = False


def _local(record: DeviceRecord) -> DeviceAgent:
    return LocalAgent(record.home)


def _ssh(record: DeviceRecord) -> DeviceAgent:
    # paramiko is slow to import and not needed for this computer.
    from device_agents.ssh_agent import SshAgent
    from device_agents.ssh_connection import SshAddress

    address = SshAddress(record.host, record.port, record.user, record.key_path, record.fingerprint)
    return SshAgent(address, emulated=record.emulated)


AGENTS: Mapping[str, Callable[[DeviceRecord], DeviceAgent]] = {"local": _local, "ssh": _ssh}


def open_agent(record: DeviceRecord) -> DeviceAgent:
    """Return the agent of a device; use it in a ``with`` block.

    Raises:
        DeviceError: The kind is unknown, or a name is refused.
    """
    if record.kind not in AGENTS:
        kinds = ", ".join(AGENTS)
        msg = f"device {record.name} is of the unknown kind {record.kind!r}: known are {kinds}"
        raise DeviceError(msg)
    return AGENTS[record.kind](record)
