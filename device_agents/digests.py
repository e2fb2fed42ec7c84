"""SHA-256 of files, computed by the device itself: a size says nothing about what arrived."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from device_agents import scripts
from device_agents.channel import Channel
from device_agents.errors import CommandFailedError, DeviceError
from device_agents.facts import DeviceFacts
from device_agents.reply import check_reply, run_script

_LINE = re.compile(r"\\?([0-9a-f]{64})[ *]+(\S+)")
# Old cards hash some 20 MB/s; the largest package has a few hundred.
_SECONDS = 120.0


class DigestMismatchError(CommandFailedError):
    """A file on the device is not the one that was sent."""


def read_digests(
    channel: Channel, facts: DeviceFacts, folder: str, names: Iterable[str]
) -> dict[str, str]:
    """Return SHA-256 by name of files in a folder of the device.

    Raises:
        CommandFailedError: A file is missing, or the device cannot hash.
    """
    if not facts.hash_tool:
        msg = "the device has no tool for SHA-256: install coreutils, busybox or openssl on it"
        raise DeviceError(msg)
    wanted = list(names)
    reply = run_script(
        channel.run, scripts.DIGEST, folder, facts.hash_tool, *wanted, seconds=_SECONDS
    )
    found = {name: digest for digest, name in _LINE.findall(check_reply(reply, "hashing").text)}
    missing = [name for name in wanted if name not in found]
    if missing:
        msg = f"the device did not hash {missing[0]}: {reply.last_error}"
        raise CommandFailedError(msg)
    return found


def compare_digests(
    channel: Channel, facts: DeviceFacts, folder: str, hashes: Mapping[str, str]
) -> None:
    """Compare files of the device with the hashes they must have.

    Raises:
        DigestMismatchError: A file differs; the message names it.
        CommandFailedError: A file is missing.
    """
    found = read_digests(channel, facts, folder, hashes)
    wrong = [name for name, digest in hashes.items() if found[name] != digest]
    if wrong:
        msg = f"{wrong[0]} on the device differs from what was sent: deploy again"
        raise DigestMismatchError(msg)
