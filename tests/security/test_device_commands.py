"""No name, folder or answer of a device is ever taken as a command, here or there."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_agents.errors import DeviceError, NameRefusedError
from device_agents.local_agent import LocalAgent
from device_agents.ssh_agent import SshAgent
from device_agents.ssh_connection import SshAddress, scan_host_key
from tests.fixtures.packages import hand_package
from tests.fixtures.sshd import ssh_server

HOSTILE_HOME = "a b$(touch canary);touch canary`touch canary`'\"*é"
HOSTILE = (
    ";touch canary",
    "$(touch canary)",
    "`touch canary`",
    "-oProxyCommand=touch canary",
    "a\ntouch canary",
    "a|touch canary",
    "..",
    "\u202egnp",
)
FINGERPRINT = "SHA256:" + "A" * 43


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["host", "user", "fingerprint"])
def test_hostile_field_never_becomes_an_address(field: str, text: str) -> None:
    fields = {"host": "127.0.0.1", "user": "pi", "fingerprint": FINGERPRINT}
    with pytest.raises(NameRefusedError):
        SshAddress(port=22, key_path="key", **(fields | {field: text}))


@pytest.mark.parametrize("host", HOSTILE)
def test_hostile_host_is_never_looked_up(host: str) -> None:
    with pytest.raises(NameRefusedError):
        scan_host_key(host, 22)


@pytest.mark.device
def test_home_folder_of_any_name_is_only_a_folder(tmp_path: Path) -> None:
    package = hand_package(tmp_path / "p")
    with (
        ssh_server(tmp_path / "s", home_name=HOSTILE_HOME) as server,
        SshAgent(server.address()) as agent,
    ):
        assert agent.deploy(package.folder).verified
        assert agent.deploy(package.folder).unchanged
        assert (server.home / "punchcard" / "current" / "model").exists()
    assert not list(tmp_path.rglob("canary"))


def test_data_folder_of_any_name_is_only_a_folder(tmp_path: Path) -> None:
    package = hand_package(tmp_path / HOSTILE_HOME / "p")
    agent = LocalAgent(tmp_path / HOSTILE_HOME / "device")
    assert agent.deploy(package.folder).verified
    assert len(agent.measure([package.folder], rounds=1, repeat=3)[0].samples_ms) == 3
    assert agent.run(package.folder, (package.folder / "input.bin").read_bytes()).output
    assert not list(tmp_path.rglob("canary"))


@pytest.mark.device
@pytest.mark.parametrize(
    "answer",
    [
        "current=releases/../../etc",
        "current=releases/$(touch canary)",
        "current=releases/0123456789abcdef;touch canary",
        "history=../../../etc",
    ],
)
def test_device_that_lies_about_its_releases_gets_nowhere(answer: str, tmp_path: Path) -> None:
    """A hostile device answers each question for its state with a name of its own."""
    package = hand_package(tmp_path / "p")
    agent = LocalAgent(tmp_path / "device")
    agent.deploy(package.folder)
    base = tmp_path / "device" / "punchcard"
    key, _, value = answer.partition("=")
    if key == "current":
        (base / "current").unlink()
        (base / "current").symlink_to(value)
        # Only a release that the history knows, whole and tested, becomes current again.
        assert agent.rollback().id == package.id
    else:
        (base / "history").write_text(f"{value}\n" * 3)
        with pytest.raises(DeviceError):
            agent.rollback()
    assert agent.deploy(package.folder).verified
    assert not list(tmp_path.rglob("canary"))
