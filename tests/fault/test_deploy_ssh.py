"""Deployment over a real OpenSSH server: cut, stalled, refused, twice at once, on odd servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.package import Package
from device_agents import ssh_connection
from device_agents.errors import (
    ConnectionFailedError,
    DeviceBusyError,
    DeviceError,
    DeviceTimeoutError,
)
from device_agents.release import Release
from device_agents.ssh_agent import SshAgent
from device_agents.ssh_connection import SshConnection
from tests.fixtures.packages import hand_package
from tests.fixtures.relay import relay
from tests.fixtures.sshd import Server, ssh_server

pytestmark = pytest.mark.device


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Package]:
    folder = tmp_path_factory.mktemp("packages")
    return [hand_package(folder / str(seed), seed=seed) for seed in range(3)]


def deploy(server: Server, package: Package, port: int | None = None) -> Release:
    with SshAgent(server.address(port)) as agent:
        return agent.deploy(package.folder)


def standing(server: Server) -> list[tuple[str, int, int]]:
    base = server.home / "punchcard"
    return [(str(p), p.lstat().st_ino, p.lstat().st_mtime_ns) for p in sorted(base.rglob("*"))]


def test_second_deployment_changes_nothing_and_sends_little(
    server: Server, packages: list[Package]
) -> None:
    first = deploy(server, packages[0])
    assert first.verified
    before = standing(server)
    with relay(server.port) as wire:
        second = deploy(server, packages[0], wire.port)
        assert wire.bytes_up < 10_000
    assert second.unchanged
    assert second.verified
    assert standing(server) == before


def test_rollback_switches_back(server: Server, packages: list[Package]) -> None:
    first, second = deploy(server, packages[0]).id, deploy(server, packages[1]).id
    with SshAgent(server.address()) as agent:
        assert agent.current_release() == second
        assert agent.rollback().id == first
        assert agent.test().id == first


def test_cut_at_any_point_leaves_the_old_release_answering(
    server: Server, packages: list[Package]
) -> None:
    """The wire is cut after n bytes, from the handshake to the last command."""
    old = deploy(server, packages[0]).id
    with relay(server.port) as wire:
        new = deploy(server, packages[1], wire.port).id
        total = wire.bytes_up
    outcomes = set()
    for share in (0.02, 0.2, 0.4, 0.6, 0.8, 0.88, 0.94, 0.98):
        _forget(server, old, packages)
        with relay(server.port, cut_after=int(share * total)) as wire:
            try:
                outcomes.add(deploy(server, packages[1], wire.port).id)
            except ConnectionFailedError as error:
                assert "\n" not in str(error)
                outcomes.add("cut")
        with SshAgent(server.address()) as agent:
            # `test` compares every hash and runs the program: whatever is current is whole.
            assert agent.test().id in (old, new), share
            if share < 0.7:
                assert agent.current_release() == old, share
    assert "cut" in outcomes
    assert deploy(server, packages[1]).id == new
    left = {path.name for path in (server.home / "punchcard").iterdir()}
    assert left == {".lock", "current", "history", "releases"}


def _forget(server: Server, old: str, packages: list[Package]) -> None:
    """Bring the device back to the old release, without the new one's files."""
    deploy(server, packages[0])
    with SshConnection(server.address()) as connection:
        script = 'rm -rf "$HOME/punchcard/releases/$1"'
        connection.run(["sh", "-c", script, "sh", packages[1].id], 10)


def test_device_that_vanishes_is_given_up_within_the_limit(
    server: Server, packages: list[Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    """paramiko alone waits for ever when an upload's other side is gone (paramiko issue 515)."""
    old = deploy(server, packages[0]).id
    with relay(server.port) as wire:
        deploy(server, packages[2], wire.port)
        total = wire.bytes_up
    monkeypatch.setattr(ssh_connection, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(ssh_connection, "HANDSHAKE_SECONDS", 1.5)
    for share in (0.0, 0.03, 0.5):
        _forget(server, old, packages)
        with relay(server.port) as wire:
            wire.stall_after = int(share * total)
            begin = time.monotonic()
            with (
                pytest.raises(ConnectionFailedError),
                SshConnection(server.address(wire.port)) as connection,
            ):
                connection.put(packages[0].folder / "model", str(server.home / "half"))
                connection.put(packages[0].folder / "model", str(server.home / "half"))
            assert time.monotonic() - begin < 8


def test_command_that_does_not_end_is_given_up(server: Server) -> None:
    begin = time.monotonic()
    with (
        SshConnection(server.address()) as connection,
        pytest.raises(DeviceTimeoutError, match="within 1 s"),
    ):
        connection.run(["sleep", "30"], 1.0)
    assert time.monotonic() - begin < 5


def test_endless_output_is_cut_and_does_not_fill_the_memory(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_connection, "OUTPUT_LIMIT_BYTES", 100_000)
    with SshConnection(server.address()) as connection:
        reply = connection.run(["sh", "-c", "yes | head -c 3000000; exit 3"], 30)
    assert len(reply.output) == 100_000
    assert reply.status == 3


def test_second_studio_waits_and_is_told(
    server: Server, packages: list[Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(server, packages[0])
    monkeypatch.setattr("device_agents.deployment.LOCK_SECONDS", 0)
    lock = server.home / "punchcard" / ".lock"
    script = 'exec 9>>"$1"; flock 9; echo "held "; cat >/dev/null'
    argv = ["sh", "-c", script, "sh", str(lock)]
    with (
        SshConnection(server.address()) as other,
        other.hold(argv, "held", 10),
        pytest.raises(DeviceBusyError, match="under way"),
    ):
        deploy(server, packages[1])
    assert deploy(server, packages[1]).verified


def test_two_deployments_at_once_leave_one_whole_release(
    server: Server, packages: list[Package]
) -> None:
    failures: list[BaseException] = []

    def work(package: Package) -> None:
        try:
            deploy(server, package)
        except DeviceError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(package,)) for package in packages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with SshAgent(server.address()) as agent:
        assert agent.test().id in {package.id for package in packages}


@pytest.mark.parametrize("sftp", [True, False], ids=["sftp", "no-sftp"])
def test_server_with_a_noisy_shell_and_without_sftp_is_served(
    sftp: bool, tmp_path: Path, packages: list[Package]
) -> None:
    with ssh_server(tmp_path / "odd", sftp=sftp, greeting="Welcome to your board!") as odd:
        release = deploy(odd, packages[0])
        assert release.verified
        assert deploy(odd, packages[0]).unchanged


def test_measuring_and_running_on_the_device_leave_nothing_there(
    server: Server, packages: list[Package]
) -> None:
    deploy(server, packages[0])
    before = [name for name, _, _ in standing(server)]
    with SshAgent(server.address()) as agent:
        found = agent.measure([packages[1].folder, packages[2].folder], rounds=2, repeat=5)
        values = (packages[1].folder / "input.bin").read_bytes()
        output = agent.run(packages[1].folder, values).output
    assert [len(one.samples_ms) for one in found] == [10, 10]
    assert len(output) == 40
    assert [name for name, _, _ in standing(server)] == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"user": "nobody_here"}, "refuses user"),
        ({"port": 1}, "cannot be reached"),
        ({"host": "no-such-host.invalid"}, "cannot be reached"),
        ({"key_path": "/no/such/key"}, "cannot be read"),
    ],
)
def test_each_failure_to_connect_is_one_clear_sentence(
    server: Server, change: dict[str, object], words: str
) -> None:
    from dataclasses import replace

    with pytest.raises(DeviceError, match=words) as error:
        SshConnection(replace(server.address(), **change))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
