"""What every kind of device agent promises, over the registry of agents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.package import Package
from device_agents.errors import DeviceError
from device_agents.registry import AGENTS, DeviceRecord, open_agent
from tests.fixtures.packages import hand_package
from tests.fixtures.sshd import ssh_server

pytestmark = pytest.mark.device


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Package]:
    folder = tmp_path_factory.mktemp("packages")
    return [hand_package(folder / str(seed), seed=seed) for seed in range(2)]


@pytest.fixture(params=sorted(AGENTS))
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeviceRecord]:
    """One fresh device of each kind that the registry knows."""
    if request.param == "local":
        yield DeviceRecord("device", "local", tmp_path / "home")
        return
    assert request.param == "ssh", "a new kind of agent needs a device here"
    with ssh_server(tmp_path / "sshd") as server:
        address = server.address()
        yield DeviceRecord(
            "device",
            "ssh",
            tmp_path,
            address.host,
            address.port,
            address.user,
            address.key_path,
            address.fingerprint,
        )


def test_deploying_twice_is_one_change_and_rolling_back_is_another(
    record: DeviceRecord, packages: list[Package]
) -> None:
    with open_agent(record) as agent:
        assert agent.current_release() is None
        first = agent.deploy(packages[0].folder)
        assert (first.verified, first.unchanged) == (True, False)
        assert agent.deploy(packages[0].folder).unchanged
        second = agent.deploy(packages[1].folder)
        assert second.previous == first.id
        assert agent.rollback().id == first.id
        assert agent.current_release() == first.id


def test_emulation_that_a_person_declared_hides_the_latency(
    record: DeviceRecord, packages: list[Package]
) -> None:
    from dataclasses import replace

    with open_agent(replace(record, emulated=True)) as agent:
        if record.kind != "local":
            assert agent.probe().emulated
            assert agent.deploy(packages[0].folder).latency_ms is None


def test_probe_deploy_measure_and_run_agree_on_one_connection(
    record: DeviceRecord, packages: list[Package]
) -> None:
    with open_agent(record) as agent:
        assert agent.probe().folder
        measured = agent.measure([package.folder for package in packages], rounds=1, repeat=3)
        assert all(one.max_relative_error < 1e-4 for one in measured)
        values = (packages[0].folder / "input.bin").read_bytes()
        assert len(agent.run(packages[0].folder, values).output) == 40


def test_unknown_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="unknown kind"):
        open_agent(DeviceRecord("x", "adb", tmp_path))
