"""A compiled net onto an emulated 64-bit ARM device: built for it, proven on it, rolled back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.cli.main import main
from backend.devices.compilation import compile_graph
from backend.devices.deploy import deploy_candidate, rollback_device
from backend.devices.registry import device_record, open_agent
from backend.models.zoo import build_model
from backend.services.devices import add_device
from backend.storage.settings import load_settings
from codegen.package import Package
from codegen.targets import host_target, target_for
from device_agents.errors import ConnectionFailedError, HostKeyError
from device_agents.release import Step
from tests.fixtures.arm_device import arm_device
from tests.fixtures.relay import relay
from tests.fixtures.sshd import Server
from tests.fixtures.toolchain import toolchain_cache

pytestmark = pytest.mark.device


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if os.geteuid() != 0:
        pytest.skip("the emulated device maps a range of user ids, which takes root (CI has it)")
    with arm_device(tmp_path_factory.mktemp("arm")) as server:
        yield server


@pytest.fixture
def registered(device: Server, private_home: Path) -> str:
    """The device in this test's registry, with zig's C libraries at hand."""
    settings = load_settings()
    settings.make_folders()
    (settings.cache / "toolchain").symlink_to(toolchain_cache(), target_is_directory=True)
    address = device.address()
    add_device(
        "pi", address.host, address.port, address.user, address.key_path, address.fingerprint
    )
    return "pi"


@pytest.fixture
def packages(registered: str, tmp_path: Path) -> list[Package]:
    """Two small nets of real layers, built for this computer."""
    graphs = [build_model("resnet8", input_shape=(1, 12, 12), classes=4, seed=s) for s in (0, 1)]
    return [
        compile_graph(graph, host_target(), tmp_path / f"net{number}")
        for number, graph in enumerate(graphs)
    ]


def test_net_is_built_for_the_device_and_computes_there_what_it_computes_here(
    registered: str, packages: list[Package]
) -> None:
    steps: list[Step] = []
    report = deploy_candidate(packages[0].folder, registered, steps.append)
    assert report["target"] == "aarch64-a72"
    assert report["verified"]
    assert report["max_relative_error"] < 1e-4
    assert report["emulated"]
    assert report["latency_ms"] is None, "milliseconds of an emulated device mean nothing"
    assert [step.name for step in steps if step.state == "done"][:2] == ["build", "probe"]

    again = deploy_candidate(packages[0].folder, registered, steps.append)
    assert again["unchanged"]
    assert again["bytes_sent"] < 10_000
    assert again["release"] == report["release"]


def test_outputs_equal_the_host_s(registered: str, packages: list[Package], tmp_path: Path) -> None:
    values = np.random.default_rng(7).standard_normal(packages[0].input_shape, dtype=np.float32)
    with open_agent(registered) as agent, open_agent("local") as here:
        target = target_for(agent.probe().to_json())
        from codegen.ir.storage import load_graph

        graph = load_graph(packages[0].folder / "graph.safetensors")
        foreign = compile_graph(graph, target, tmp_path / "arm")
        there = np.frombuffer(agent.run(foreign.folder, values.tobytes()).output, "<f4")
        local = np.frombuffer(here.run(packages[0].folder, values.tobytes()).output, "<f4")
    assert np.abs(there - local).max() <= 1e-4 * np.abs(local).max()


def test_rollback_and_a_cut_upload_leave_a_whole_release(
    device: Server, registered: str, packages: list[Package]
) -> None:
    def ignore(_step: Step) -> None:
        pass

    first = deploy_candidate(packages[0].folder, registered, ignore)["release"]
    second = deploy_candidate(packages[1].folder, registered, ignore)["release"]
    assert rollback_device(registered, ignore)["release"] == first
    with open_agent(registered) as agent:
        assert agent.test().id == first

    # A third net whose upload is cut half-way.
    third = build_model("resnet8", input_shape=(1, 12, 12), classes=4, seed=2)
    folder = packages[0].folder.parent / "net2"
    compile_graph(third, host_target(), folder)
    with relay(device.port, cut_after=60_000) as wire:
        address = device.address(wire.port)
        key = (address.key_path, address.fingerprint)
        add_device("wire", address.host, wire.port, address.user, *key)
        with pytest.raises(ConnectionFailedError):
            deploy_candidate(folder, "wire", ignore)
    with open_agent(registered) as agent:
        assert agent.test().id == first != second


def test_changed_host_key_is_refused(device: Server, registered: str) -> None:
    from dataclasses import replace

    from device_agents.registry import open_agent as open_record

    wrong = replace(device_record(registered), fingerprint="SHA256:" + "A" * 43)
    with open_record(wrong) as agent, pytest.raises(HostKeyError, match=r"SHA256:A+"):
        agent.probe()


def test_command_line_walks_the_whole_way(
    registered: str, packages: list[Package], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", "probe", "pi", "--json", str(tmp_path / "facts.json")]) == 0
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["arch"] == "aarch64"
    assert facts["emulated"] is True
    words = ["deploy", str(packages[0].folder), "--device", "pi", "--json", "-"]
    capsys.readouterr()
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verified"] is True
    assert main(["devices", "test", "pi"]) == 0
    assert main(["devices", "list", "--json", str(tmp_path / "list.json")]) == 0
    rows = json.loads((tmp_path / "list.json").read_text())["devices"]
    row = next(row for row in rows if row["name"] == "pi")
    assert row["current_release"] == report["release"]
    assert row["emulated"] is True
