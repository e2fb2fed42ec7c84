"""Rules for every name that reaches a command, a path or a socket: refused, never cleaned."""

from __future__ import annotations

import ipaddress
import re

from device_agents.errors import NameRefusedError

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,63}")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_RELEASE = re.compile(r"[0-9a-f]{16}")


def check_host(host: str) -> str:
    """Return an IP address or an RFC 1123 host name unchanged.

    Raises:
        NameRefusedError: It is neither.
    """
    try:
        return str(host) if ipaddress.ip_address(host) and "%" not in host else _refuse(host)
    except ValueError:
        pass
    labels = host.split(".")
    if len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and host.isascii():
        return host
    return _refuse(host)


def _refuse(host: str) -> str:
    msg = f"host {_shown(host)} is neither an IP address nor a host name such as pi.local"
    raise NameRefusedError(msg)


def check_port(port: int) -> int:
    """Return a TCP port.

    Raises:
        NameRefusedError: It is not between 1 and 65535.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        msg = f"port {_shown(str(port))} is not a number between 1 and 65535"
        raise NameRefusedError(msg)
    return port


def check_user(user: str) -> str:
    """Return an account name.

    Raises:
        NameRefusedError: It is not one.
    """
    return _match(_USER, user, "user", "small letters, digits, _ and -, as in pi or u0_a123")


def check_device_name(name: str) -> str:
    """Return a device's registry name.

    Raises:
        NameRefusedError: It is not one.
    """
    return _match(_DEVICE, name, "device name", "letters, digits, dot, _ and -")


def check_fingerprint(fingerprint: str) -> str:
    """Return a host key's fingerprint.

    Raises:
        NameRefusedError: It is not of the form that ssh-keygen -lf prints.
    """
    plain = fingerprint.rstrip("=")
    return _match(_FINGERPRINT, plain, "fingerprint", "SHA256: and 43 characters behind it")


def check_segment(segment: str) -> str:
    """Return one segment of a path on a device.

    Raises:
        NameRefusedError: It could mean another folder or an option.
    """
    if segment in (".", ".."):
        _match(_SEGMENT, "", "remote name", "a plain file name")
    return _match(_SEGMENT, segment, "remote name", "letters, digits, dot, _ and -")


def is_release_id(text: str) -> bool:
    """Tell whether a text is a release's id: 16 hexadecimal digits."""
    return _RELEASE.fullmatch(text) is not None


def _match(pattern: re.Pattern[str], text: str, what: str, form: str) -> str:
    if pattern.fullmatch(text) is None:
        msg = f"{what} {_shown(text)} is refused: use {form}"
        raise NameRefusedError(msg)
    return text


def _shown(text: str) -> str:
    return ascii(text[:60])
