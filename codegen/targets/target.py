"""What the compiler must know about a kind of processor, and nothing about one machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from codegen.errors import ToolchainError

Libc = Literal["gnu", "musl"]

# glibc 2.28 is of 2018: every Raspberry Pi OS since 2019 has it, and zig makes only stubs of it
# (seconds), while a static musl is built from source once per architecture (about 90 s).
_TRIPLES: dict[str, dict[Libc, str]] = {
    "x86_64": {"gnu": "x86_64-linux-gnu.2.28", "musl": "x86_64-linux-musl"},
    "aarch64": {"gnu": "aarch64-linux-gnu.2.28", "musl": "aarch64-linux-musl"},
    "arm": {"gnu": "arm-linux-gnueabihf.2.28", "musl": "arm-linux-musleabihf"},
}

OLDEST_GLIBC = (2, 28)


@dataclass(frozen=True)
class Target:
    """One row of the target registry.

    Attributes:
        name: Registry name, for example ``aarch64-a72``.
        title: What a person calls it.
        arch: Architecture of the file format: ``x86_64``, ``aarch64`` or ``arm``.
        cpu: zig's name of the processor (``-mcpu``).
        isa: Instruction set of the microkernels: ``avx512``, ``avx2``, ``sse2``, ``neon``.
        vector_floats: f32 lanes of one vector register.
        registers: Vector registers.
        fma: Whether a fused multiply-add instruction exists.
        l1_bytes: Level-1 data cache that schedules plan for.
        features: Words that /proc/cpuinfo must show for this target to run.
        parts: CPU part numbers it is meant for; empty: any.
        defines: Macros given to every C file.
        flags: Flags that zig cc, gcc and clang all take.
        cc_flags: Processor flags of gcc and clang (zig takes ``cpu``).
        rank: The highest rank that fits a machine is chosen.
        libc: ``gnu`` (dynamic, needs glibc 2.28) or ``musl`` (static).
        language: What the renderer writes; only ``c`` today.
        members: Names of targets whose programs one binary holds, the fastest first; at run time
            the first that the processor can run is taken. Empty: this target alone.
    """

    name: str
    title: str
    arch: str
    cpu: str
    isa: str
    vector_floats: int
    registers: int
    fma: bool
    l1_bytes: int
    rank: int
    features: tuple[str, ...]
    parts: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    cc_flags: tuple[str, ...] = ()
    libc: Libc = "gnu"
    language: str = "c"
    members: tuple[str, ...] = ()

    @property
    def triple(self) -> str:
        """Zig's target triple, with the oldest glibc served."""
        return _TRIPLES[self.arch][self.libc]

    @property
    def full_name(self) -> str:
        """Name with the C library where it is not the default: ``load_target`` reads it back."""
        return self.name if self.libc == "gnu" else f"{self.name}+{self.libc}"

    def with_libc(self, libc: str) -> Target:
        """Return the same target for another C library.

        Raises:
            ToolchainError: The C library is neither ``gnu`` nor ``musl``.
        """
        if libc == "gnu":
            return replace(self, libc="gnu")
        if libc == "musl":
            return replace(self, libc="musl")
        msg = f"C library {libc!r} of target {self.name} is unknown: use gnu or musl"
        raise ToolchainError(msg)

    def runs_on(self, features: frozenset[str]) -> bool:
        """Tell whether a processor with these /proc/cpuinfo words runs the target's code."""
        return set(self.features) <= features
