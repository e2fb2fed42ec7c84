"""Names that reach a socket, a path or a command: the good pass unchanged, the rest is refused."""

from __future__ import annotations

import pytest

from device_agents.errors import NameRefusedError
from device_agents.names import (
    check_device_name,
    check_fingerprint,
    check_host,
    check_port,
    check_segment,
    check_user,
    is_release_id,
)

HOSTILE = (
    "", " ", ";id", "$(id)", "`id`", "a b", "a\nb", "a\0b", "-oProxyCommand=id", "--help",
    "../x", "a/b", "~root", "%h", "a|b", "a&b", "a>b", "a'b", 'a"b', "a\\b", "host\u202e",
    "раура1", "ａ", "é", "x" * 10_000, "a\tb", "*", "[::1]", "fe80::1%eth0", "\x1b[31m",
)  # fmt: skip


@pytest.mark.parametrize("host", ["pi.local", "10.0.0.7", "::1", "a-b.example", "raspberrypi"])
def test_hosts_pass_unchanged(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_as_every_kind_of_name(text: str) -> None:
    for check in (check_host, check_user, check_device_name, check_segment, check_fingerprint):
        with pytest.raises(NameRefusedError) as error:
            check(text)
        message = str(error.value)
        assert len(message) < 300
        assert message.isprintable()
    assert not is_release_id(text)


@pytest.mark.parametrize("segment", [".", "..", "-rf"])
def test_segments_never_leave_their_folder_nor_look_like_options(segment: str) -> None:
    with pytest.raises(NameRefusedError):
        check_segment(segment)


@pytest.mark.parametrize("port", [0, -1, 65536, True])
def test_impossible_ports_are_refused(port: int) -> None:
    with pytest.raises(NameRefusedError):
        check_port(port)


def test_accounts_of_termux_and_fingerprints_of_ssh_keygen_pass() -> None:
    assert check_user("u0_a123") == "u0_a123"
    fingerprint = "SHA256:" + "aB+/" * 10 + "abc"
    assert check_fingerprint(fingerprint + "=") == fingerprint
    assert check_port(8022) == 8022
    assert is_release_id("0123456789abcdef")
