"""The targets of this folder's TOML files, and which of them fits a machine."""

from __future__ import annotations

import platform
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from codegen.errors import ToolchainError
from codegen.targets.target import OLDEST_GLIBC, Target

_FOLDER = Path(__file__).parent
_ARCHES = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "armv8b": "aarch64",
    "armv8l": "arm",
    "armv7l": "arm",
    "arm": "arm",
}


def _read(path: Path) -> Target:
    fields: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return Target(name=path.stem, **{**fields, **lists})


TARGETS: Mapping[str, Target] = MappingProxyType(
    {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.toml"))}
)


def load_target(name: str) -> Target:
    """Return the target of a name: ``host``, a registry name, or one with ``+musl`` behind it.

    Raises:
        ToolchainError: There is no such target; the message lists those there are.
    """
    if name == "host":
        return host_target()
    base, _, libc = name.partition("+")
    if base not in TARGETS:
        known = ", ".join(["host", *TARGETS])
        msg = f"target {name!r} is unknown: use one of {known} (+musl for a static program)"
        raise ToolchainError(msg)
    return TARGETS[base].with_libc(libc or "gnu")


def members_of(target: Target) -> tuple[Target, ...]:
    """Return the targets whose programs a binary holds, the fastest first."""
    if not target.members:
        return (target,)
    return tuple(TARGETS[name].with_libc(target.libc) for name in target.members)


def portable_target(target: Target) -> Target:
    """Return the target of the same architecture whose code every such processor runs."""
    same = [other for other in TARGETS.values() if other.arch == target.arch and not other.members]
    return min(same, key=lambda other: other.rank).with_libc(target.libc)


@cache
def host_target() -> Target:
    """Return the target of this computer, read from /proc/cpuinfo."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    libc, version = platform.libc_ver()
    return target_for(
        {
            "arch": platform.machine(),
            "features": cpu_features(text),
            "parts": cpu_parts(text),
            "libc": f"{libc} {version}",
        }
    )


def target_for(facts: Mapping[str, Any]) -> Target:
    """Choose the best target for a machine by what its processor says, never by its name.

    Args:
        facts: ``arch`` (as ``uname -m``), ``features`` (words of /proc/cpuinfo), and where known
            ``bits`` (of the userland: 64-bit kernels also run 32-bit ones), ``parts`` (CPU part
            of each core) and ``libc`` (for example ``glibc 2.36``).

    Raises:
        ToolchainError: The architecture or the processor is not supported.
    """
    arch = _ARCHES.get(str(facts.get("arch", "")).lower())
    if arch == "aarch64" and str(facts.get("bits") or "64") == "32":
        arch = "arm"
    features = frozenset(_words(facts.get("features", ())))
    # A 64-bit kernel shows asimd for cores whose 32-bit side has NEON with fused multiply-add.
    if arch == "arm" and "asimd" in features:
        features |= {"neon", "vfpv4"}
    parts = frozenset(_words(facts.get("parts", ())))
    fitting = [
        target
        for target in TARGETS.values()
        if target.arch == arch
        and target.runs_on(features)
        and (not target.parts or parts & set(target.parts))
    ]
    if not fitting:
        what = f"{facts.get('arch')!r} with features {' '.join(sorted(features)) or 'unknown'}"
        msg = (
            f"no target runs on a processor {what[:200]}: punchcard builds for 64-bit x86, 64-bit "
            "ARM and 32-bit ARM with NEON; add a file in codegen/targets for another"
        )
        raise ToolchainError(msg)
    best = max(fitting, key=lambda target: target.rank)
    return best.with_libc("gnu" if _is_served_glibc(str(facts.get("libc") or "")) else "musl")


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """Return the feature words that every core of /proc/cpuinfo's text has."""
    sets = [set(line.split()) for line in _values(cpuinfo, ("flags", "Features"))]
    return tuple(sorted(set.intersection(*sets))) if sets else ()


def cpu_parts(cpuinfo: str) -> tuple[str, ...]:
    """Return the CPU part number of each core (ARM; empty elsewhere)."""
    return tuple(_values(cpuinfo, ("CPU part",)))


def _values(cpuinfo: str, keys: tuple[str, ...]) -> list[str]:
    pairs = [line.partition(":") for line in cpuinfo.splitlines()]
    return [value.strip() for key, _, value in pairs if key.strip() in keys]


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [str(word) for word in value] if isinstance(value, (list, tuple, set, frozenset)) else []


def _is_served_glibc(libc: str) -> bool:
    name, _, version = libc.partition(" ")
    if name.lower() not in ("glibc", "gnu"):
        return False
    numbers = version.split(".")[:2]
    if not all(part.isdigit() for part in numbers) or len(numbers) < 2:
        return False
    return (int(numbers[0]), int(numbers[1])) >= OLDEST_GLIBC
