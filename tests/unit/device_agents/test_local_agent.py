"""This computer as a device: deploy, deploy again, roll back, damage, a failing release."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.package import Package
from device_agents.errors import CommandFailedError, DeviceError, DeviceTimeoutError, SelfTestError
from device_agents.facts import DeviceFacts, parse_facts
from device_agents.local_agent import LocalAgent, LocalChannel
from device_agents.release import DEPLOY_STEPS, Step
from tests.fault.worker_site import is_alive, wait_until
from tests.fixtures.packages import hand_package


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Package]:
    folder = tmp_path_factory.mktemp("packages")
    return [hand_package(folder / str(seed), seed=seed) for seed in range(5)]


@pytest.fixture
def agent(tmp_path: Path) -> LocalAgent:
    return LocalAgent(tmp_path / "device")


def current(agent: LocalAgent, tmp_path: Path) -> str:
    return str((tmp_path / "device" / "punchcard" / "current").readlink())


def test_deployment_is_verified_and_tells_each_step(
    agent: LocalAgent, packages: list[Package], tmp_path: Path
) -> None:
    steps: list[Step] = []
    release = agent.deploy(packages[0].folder, steps.append)
    assert release.verified
    assert not release.unchanged
    assert release.id == packages[0].id
    assert release.max_relative_error is not None
    assert release.max_relative_error < 1e-4
    assert release.latency_ms is not None
    assert [step.name for step in steps if step.state == "done"] == list(DEPLOY_STEPS)
    assert current(agent, tmp_path) == f"releases/{release.id}"


def test_second_deployment_changes_nothing(
    agent: LocalAgent, packages: list[Package], tmp_path: Path
) -> None:
    agent.deploy(packages[0].folder)
    files = sorted((tmp_path / "device").rglob("*"))
    before = [(path, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in files]
    release = agent.deploy(packages[0].folder)
    assert release.unchanged
    assert release.verified
    assert release.bytes_sent < 10_000
    files = sorted((tmp_path / "device").rglob("*"))
    after = [(path, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in files]
    assert after == before


def test_rollback_returns_to_the_former_release_and_back(
    agent: LocalAgent, packages: list[Package], tmp_path: Path
) -> None:
    first, second = (agent.deploy(package.folder).id for package in packages[:2])
    assert agent.rollback().id == first
    assert agent.current_release() == first
    assert agent.test().id == first
    assert agent.rollback().id == second


def test_rollback_without_a_former_release_is_refused(
    agent: LocalAgent, packages: list[Package]
) -> None:
    with pytest.raises(DeviceError, match="no former release"):
        agent.rollback()
    with pytest.raises(DeviceError, match="deploy a candidate first"):
        agent.test()
    agent.deploy(packages[0].folder)
    with pytest.raises(DeviceError, match="no former release"):
        agent.rollback()


def test_three_releases_are_kept_and_nothing_else(
    agent: LocalAgent, packages: list[Package], tmp_path: Path
) -> None:
    base = tmp_path / "device" / "punchcard"
    base.mkdir(parents=True)
    (base / "incoming.cut").mkdir()
    for package in packages:
        agent.deploy(package.folder)
    kept = {path.name for path in (base / "releases").iterdir()}
    assert kept == {package.id for package in packages[2:]}
    assert {path.name for path in base.iterdir()} == {".lock", "current", "history", "releases"}


@pytest.mark.parametrize("name", ["model", "weights.bin", "manifest.json"])
def test_damaged_current_release_is_brought_anew(
    agent: LocalAgent, packages: list[Package], tmp_path: Path, name: str
) -> None:
    agent.deploy(packages[0].folder)
    path = tmp_path / "device" / "punchcard" / "current" / name
    path.write_bytes(path.read_bytes()[:-1])
    release = agent.deploy(packages[0].folder)
    assert release.verified
    assert not release.unchanged
    assert path.read_bytes() == (packages[0].folder / name).read_bytes()


@pytest.mark.parametrize("name", ["weights.bin", "manifest.json"])
def test_damaged_former_release_is_not_rolled_back_to(
    agent: LocalAgent, packages: list[Package], tmp_path: Path, name: str
) -> None:
    first, second = (agent.deploy(package.folder).id for package in packages[:2])
    path = tmp_path / "device" / "punchcard" / "releases" / first / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DeviceError):
        agent.rollback()
    assert agent.current_release() == second


def make_liar(package: Package, folder: Path) -> Path:
    """A package whose expected output is not what its program computes, all hashes right."""
    import hashlib
    import json

    shutil.copytree(package.folder, folder)
    expected = np.fromfile(folder / "expected.bin", "<f4") + 1
    expected.tofile(folder / "expected.bin")
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((folder / "expected.bin").read_bytes()).hexdigest()
    manifest["files"]["expected.bin"] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_release_that_fails_its_self_test_never_becomes_current(
    agent: LocalAgent, packages: list[Package], tmp_path: Path
) -> None:
    good = agent.deploy(packages[0].folder).id
    steps: list[Step] = []
    with pytest.raises(SelfTestError, match="differs"):
        agent.deploy(make_liar(packages[1], tmp_path / "liar"), steps.append)
    assert steps[-1].name == "self_test"
    assert steps[-1].state == "failed"
    assert agent.current_release() == good
    releases = tmp_path / "device" / "punchcard" / "releases"
    assert [path.name for path in releases.iterdir()] == [good]


def test_altered_package_is_not_sent(
    agent: LocalAgent, packages: list[Package], tmp_path: Path
) -> None:
    folder = shutil.copytree(packages[0].folder, tmp_path / "altered")
    (folder / "weights.bin").write_bytes(b"")
    with pytest.raises(DeviceError, match=r"weights\.bin"):
        agent.deploy(folder)
    with pytest.raises(DeviceError, match="punchcard compile"):
        agent.deploy(tmp_path)


def test_measuring_takes_turns_and_leaves_the_release_alone(
    agent: LocalAgent, packages: list[Package]
) -> None:
    good = agent.deploy(packages[0].folder).id
    found = agent.measure([packages[1].folder, packages[2].folder], rounds=2, repeat=5)
    assert [len(one.samples_ms) for one in found] == [10, 10]
    assert [one.package for one in found] == [packages[1].id, packages[2].id]
    assert found[0].core in os.sched_getaffinity(0)
    assert agent.current_release() == good


def test_run_returns_output_and_times(agent: LocalAgent, packages: list[Package]) -> None:
    folder = packages[0].folder
    values = (folder / "input.bin").read_bytes()
    result = agent.run(folder, values, repeat=4, warmup=1, profile=True)
    expected = np.fromfile(folder / "expected.bin", "<f4")
    np.testing.assert_allclose(np.frombuffer(result.output, "<f4"), expected, rtol=1e-4, atol=1e-5)
    assert len(result.report["samples_ms"]) == 4
    with pytest.raises(CommandFailedError, match="input file"):
        agent.run(folder, values[:-4])


def test_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    channel = LocalChannel(tmp_path)
    script = "sleep 60 & echo $! >child; wait"
    with pytest.raises(DeviceTimeoutError, match="did not end"):
        channel.run(["sh", "-c", script], 0.3)
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not is_alive(child), 10)  # it was sent KILL, and dies when it is scheduled


def test_program_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    assert b"canary" not in LocalChannel(tmp_path).run(["env"], 5).output


def test_disk_that_fills_during_the_upload_leaves_nothing_behind(
    agent: LocalAgent, packages: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = agent.deploy(packages[0].folder).id
    copy = LocalChannel.put

    def put(self: LocalChannel, source: Path, remote: str) -> None:
        if source.name == "weights.bin":
            msg = f"{remote} cannot be written: No space left on device"
            raise CommandFailedError(msg)
        copy(self, source, remote)

    monkeypatch.setattr(LocalChannel, "put", put)
    with pytest.raises(CommandFailedError, match="No space left"):
        agent.deploy(packages[1].folder)
    assert agent.test().id == good
    base = tmp_path / "device" / "punchcard"
    assert {path.name for path in base.iterdir()} == {".lock", "current", "history", "releases"}


def test_device_with_too_little_space_is_told_before_anything_is_sent(
    agent: LocalAgent, packages: list[Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tight(text: str) -> DeviceFacts:
        return replace(parse_facts(text), folder_free_bytes=1000)

    monkeypatch.setattr("device_agents.channel_agent.parse_facts", tight)
    with pytest.raises(DeviceError, match="make room"):
        agent.deploy(packages[0].folder)
    assert not list((tmp_path / "device" / "punchcard" / "releases").iterdir())
