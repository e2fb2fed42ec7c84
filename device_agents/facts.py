"""What one probe script found out about a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from device_agents.errors import DeviceError


@dataclass(frozen=True)
class DeviceFacts:
    """Answers of ``probe.sh``; empty or None where the device does not tell.

    Attributes:
        arch: As ``uname -m`` says.
        bits: Width of the userland, which may be 32 on a 64-bit kernel.
        libc: For example ``glibc 2.36``, ``musl``, ``bionic``.
        parts: CPU part number of each core (ARM).
        features: Words of /proc/cpuinfo.
        allowed_cores: Cores that a process may be pinned to.
        core_khz: Highest frequency by core; phones may hide it.
        temperatures_c: Degrees Celsius by thermal zone.
        folder: First folder that is writable, runs programs and has space.
        refused_folders: Why other folders were passed over.
        emulated: Translated by QEMU: its milliseconds say nothing about the device.
    """

    arch: str
    bits: int
    libc: str
    kernel: str = ""
    model: str = ""
    cpu: str = ""
    user: str = ""
    cores: int = 1
    parts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    allowed_cores: tuple[int, ...] = ()
    core_khz: tuple[tuple[int, int], ...] = ()
    memory_bytes: int = 0
    free_memory_bytes: int = 0
    load: float | None = None
    governor: str = ""
    throttled: str = ""
    temperatures_c: tuple[float, ...] = ()
    folder: str = ""
    folder_free_bytes: int = 0
    refused_folders: tuple[str, ...] = ()
    hash_tool: str = ""
    has_flock: bool = False
    emulated: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and numbers for a database row."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @property
    def fastest_core(self) -> int | None:
        """Last allowed core of the highest frequency: a big one, least used for chores."""
        speeds = dict(self.core_khz)
        if not self.allowed_cores:
            return None
        return max(self.allowed_cores, key=lambda core: (speeds.get(core, 0), core))


def parse_facts(text: str) -> DeviceFacts:
    """Read the KEY=VALUE lines of ``probe.sh``.

    Raises:
        DeviceError: The device does not even tell its architecture.
    """
    values: dict[str, str] = {}
    refused: list[str] = []
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key == "refused":
            refused.append(value.strip()[:200])
        elif equals:
            values[key] = value.strip()[:4000]
    if not values.get("arch"):
        msg = "the device does not answer the probe script: its account needs a POSIX shell (sh)"
        raise DeviceError(msg)
    arch = values["arch"]
    # QEMU's user mode shows the processor of the computer that it runs on.
    is_foreign = arch.startswith(("aarch64", "arm")) and values.get("feature_key") == "flags"
    return DeviceFacts(
        arch=arch,
        bits=_whole(values.get("bits")) or (64 if "64" in arch else 32),
        libc=values.get("libc", "unknown"),
        kernel=values.get("kernel", ""),
        model=values.get("model", ""),
        cpu=values.get("cpu", ""),
        user=values.get("user", ""),
        cores=max(1, _whole(values.get("cores"))),
        parts=tuple(values.get("parts", "").split()),
        features=tuple(sorted(set(values.get("features", "").split()))),
        allowed_cores=_core_list(values.get("allowed", "")),
        core_khz=_numbered(values, "core_khz_"),
        memory_bytes=1024 * _whole(values.get("memory_kib")),
        free_memory_bytes=1024 * _whole(values.get("memory_free_kib")),
        load=_real(values.get("load", "").partition(" ")[0]),
        governor=values.get("governor", ""),
        throttled=values.get("throttled", ""),
        temperatures_c=tuple(_celsius(value) for _, value in _numbered(values, "temperature_")),
        folder=values.get("folder", ""),
        folder_free_bytes=1024 * _whole(values.get("folder_free_kib")),
        refused_folders=tuple(refused),
        hash_tool=values.get("hash_tool", ""),
        has_flock=values.get("flock") == "yes",
        emulated="emulated" in values or is_foreign,
    )


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0


def _real(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _celsius(value: int) -> float:
    # Zones tell thousandths of a degree, a few old ones whole degrees.
    return value / 1000 if abs(value) >= 1000 else float(value)


def _numbered(values: Mapping[str, str], prefix: str) -> tuple[tuple[int, int], ...]:
    found = {
        int(key.removeprefix(prefix)): _whole(value)
        for key, value in values.items()
        if key.startswith(prefix) and key.removeprefix(prefix).isdecimal()
    }
    return tuple(sorted(found.items()))


def _core_list(text: str) -> tuple[int, ...]:
    """Read the kernel's list form, for example 0-2,4."""
    cores: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        if low.isdecimal() and (high or low).isdecimal():
            cores.update(range(int(low), min(int(high or low), int(low) + 4096) + 1))
    return tuple(sorted(cores))
