"""Rows of the registry become agents, and what a probe found is remembered."""

from __future__ import annotations

import pytest

from backend.devices.registry import (
    UnknownDeviceError,
    device_record,
    open_agent,
    store_facts,
    store_release,
)
from backend.services.devices import list_devices
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Device
from device_agents.facts import DeviceFacts
from device_agents.local_agent import LocalAgent


def test_this_computer_needs_no_row() -> None:
    record = device_record("local")
    assert record.kind == "local"
    assert record.home.is_relative_to(load_settings().home)
    assert isinstance(open_agent("local"), LocalAgent)


@pytest.mark.parametrize("name", ["nowhere", "", "../x", "a\nb" * 50])
def test_unknown_device_is_told_in_one_sentence(name: str) -> None:
    with pytest.raises(UnknownDeviceError, match="devices add") as error:
        open_agent(name)
    assert "\n" not in str(error.value)


def test_probe_of_this_computer_is_remembered() -> None:
    facts = DeviceFacts("x86_64", 64, "glibc 2.36", cores=2)
    with open_database().write() as session:
        store_facts(session, "local", facts)
        store_release(session, "local", "0" * 16)
    view = list_devices()[0]
    assert view.name == "local"
    assert view.facts == facts.to_json()
    assert view.current_release == "0" * 16


def test_emulation_once_known_is_not_taken_back() -> None:
    with open_database().write() as session:
        session.add(Device(name="pi", kind="ssh", emulated=True, created_at=0.0))
        session.flush()
        store_facts(session, "pi", DeviceFacts("aarch64", 64, ""))
        assert session.get_one(Device, "pi").emulated
    assert device_record("pi").emulated


def test_facts_of_a_removed_device_are_dropped() -> None:
    with open_database().write() as session:
        store_facts(session, "gone", DeviceFacts("aarch64", 64, ""))
        assert session.get(Device, "gone") is None
