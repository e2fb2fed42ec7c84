"""Host keys are pinned: nothing is accepted unseen, and nothing is sent to a host that changed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from device_agents.errors import ConnectionFailedError, DeviceError, HostKeyError
from device_agents.ssh_connection import SshConnection, prove_host_key, scan_host_key
from tests.fixtures.relay import relay
from tests.fixtures.sshd import make_key, ssh_server

pytestmark = pytest.mark.device
ROOT = Path(__file__).parents[2]
OTHER = "SHA256:" + "A" * 43


def test_no_policy_for_unknown_keys_exists_in_the_code() -> None:
    """Not one of paramiko's policies, nor its client that would need one."""
    for package in ("app", "backend", "codegen", "device_agents"):
        for path in (ROOT / package).rglob("*.py"):
            names = {
                node.attr if isinstance(node, ast.Attribute) else node.id
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Attribute | ast.Name)
            }
            bad = {"AutoAddPolicy", "WarningPolicy", "SSHClient", "set_missing_host_key_policy"}
            assert not bad & names, path
            assert not {"Agent", "AgentRequestHandler", "ProxyCommand"} & names, path


def test_scan_tells_the_fingerprint_of_ssh_keygen_and_signs_in_nowhere(tmp_path: Path) -> None:
    with ssh_server(tmp_path / "s") as server:
        assert scan_host_key("127.0.0.1", server.port).fingerprint == server.fingerprint
        assert not re.search(r"userauth|publickey|Accepted|Failed", server.log)


def test_changed_host_key_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with ssh_server(tmp_path / "s") as server:
        address = server.address()
        SshConnection(address).close()
    with ssh_server(tmp_path / "s", port=address.port, name="changed") as changed:
        for _ in range(5):
            with pytest.raises(HostKeyError) as error:
                SshConnection(address)
        # Both fingerprints, one sentence, no sign-in on the server's side.
        assert address.fingerprint in str(error.value)
        assert changed.fingerprint in str(error.value)
        assert "\n" not in str(error.value)
        assert not re.search(r"userauth|publickey|Accepted|Failed", changed.log)


def test_pinned_key_of_another_kind_is_asked_for(tmp_path: Path) -> None:
    """A host has several keys; a person may have compared any of them."""
    with ssh_server(tmp_path / "s", host_keys=("ed25519", "ecdsa", "rsa")) as server:
        for kind in ("ed25519", "ecdsa", "rsa"):
            fingerprint = make_key(server.folder / f"host_{kind}", kind)
            SshConnection(server.address(fingerprint=fingerprint)).close()
        with pytest.raises(HostKeyError):
            prove_host_key(server.address(fingerprint=OTHER))


def test_exactly_one_key_is_offered_and_no_agent_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with ssh_server(tmp_path / "s", extra=("LogLevel DEBUG2",)) as server:
        make_key(tmp_path / "stranger")
        from dataclasses import replace

        stranger = replace(server.address(), key_path=str(tmp_path / "stranger"))
        with pytest.raises(ConnectionFailedError, match="authorized_keys"):
            SshConnection(stranger)
        offered = re.findall(r"Failed publickey|Failed none|Failed password", server.log)
        assert offered == ["Failed publickey"]
        assert "auth-agent-req" not in server.log


@pytest.mark.parametrize(
    "lines",
    [
        ("KexAlgorithms diffie-hellman-group14-sha1",),
        ("Ciphers aes128-cbc",),
        ("MACs hmac-sha1,hmac-md5", "Ciphers aes128-ctr"),
    ],
    ids=["kex", "cipher", "mac"],
)
def test_outdated_algorithms_are_refused(lines: tuple[str, ...], tmp_path: Path) -> None:
    with ssh_server(tmp_path / "s", extra=lines) as server:
        with pytest.raises(ConnectionFailedError, match="update its SSH server") as error:
            scan_host_key("127.0.0.1", server.port)
        assert "\n" not in str(error.value)


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with ssh_server(tmp_path / "s") as server:
        server.key.chmod(0o644)
        with pytest.raises(DeviceError, match="chmod 600"):
            SshConnection(server.address())
        server.key.chmod(0o600)
        server.key.write_text("not a key")
        with pytest.raises(DeviceError, match="no private key"):
            SshConnection(server.address())


def test_handshake_that_is_cut_is_told_as_such(tmp_path: Path) -> None:
    with (
        ssh_server(tmp_path / "s") as server,
        relay(server.port, cut_after=40) as wire,
        pytest.raises(ConnectionFailedError, match="SSH"),
    ):
        scan_host_key("127.0.0.1", wire.port)
