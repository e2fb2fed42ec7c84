"""A look at a host's key, for a person to accept or not; nothing about any account is sent."""

from __future__ import annotations

from typing import Any


def scan_host_key(host: str, port: int = 22) -> dict[str, Any]:
    """Return {"host", "port", "key_type", "fingerprint"} of the key that a host shows.

    Raises:
        DeviceError: The host cannot be reached or its name is refused.
    """
    # paramiko is slow to import and only needed here.
    from device_agents.ssh_connection import scan_host_key as scan

    key = scan(host, port)
    return {"host": host, "port": port, "key_type": key.kind, "fingerprint": key.fingerprint}
