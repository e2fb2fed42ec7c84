"""The device a search measures on: its agent, what to compile for, and what the cache keys on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backend.search.records import SearchError
from backend.storage.settings import Settings
from codegen.errors import PunchcardError
from codegen.targets.registry import load_target, target_for
from device_agents.agent import DeviceAgent
from device_agents.facts import DeviceFacts

LOCAL = "local"
_IDENTITY = ("arch", "bits", "libc", "cpu", "model", "cores", "features", "parts", "core_khz")
_TOLD = ("arch", "cpu", "model", "cores", "libc")


@dataclass(frozen=True)
class SearchDevice:
    """One device for the length of a search.

    Attributes:
        target: full name of the compiler's target.
        identity: hash of the facts that decide a latency; results of another machine do not count.
        facts: those of them that people know a machine by.
    """

    name: str
    agent: DeviceAgent
    target: str
    identity: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def peak(self, settings: Settings) -> dict[str, object] | None:
        """What one core of this computer reaches at most; None for other devices.

        It stands beside the layers' times on the page; a search does without it.
        """
        if self.name != LOCAL:
            return None
        from backend.bench.peak import machine_peak

        try:
            return machine_peak(load_target(self.target), 1, settings=settings).to_json()
        except PunchcardError:
            return None


@contextmanager
def open_device(name: str, settings: Settings) -> Iterator[SearchDevice]:
    """Connect to a registered device, or to this computer, and ask what it is.

    Raises:
        SearchError: the device is emulated, so that its times mean nothing.
        DeviceError: it cannot be reached.
    """
    from backend.devices.registry import open_agent

    with open_agent(name, settings) as agent:
        facts = agent.probe()
        if facts.emulated:
            msg = (
                f"device {name!r} is emulated: its milliseconds mean nothing, so search on 'local'"
            )
            raise SearchError(msg)
        target = load_target("host") if name == LOCAL else target_for(facts.to_json())
        known = facts.to_json()
        told = {key: known[key] for key in _TOLD}
        yield SearchDevice(name, agent, target.full_name, identity_of(facts), told)


def identity_of(facts: DeviceFacts) -> str:
    """SHA-256 of what decides a latency."""
    return identity_of_json(facts.to_json())


def identity_of_json(known: Mapping[str, Any]) -> str:
    """The same of facts as they are stored.

    Raises:
        KeyError: they were stored by another version.
    """
    text = json.dumps({key: known[key] for key in _IDENTITY}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
