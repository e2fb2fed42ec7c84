"""The machine's limits, measured by our own program for the target's vectors."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.bench.errors import BenchError
from backend.bench.turns import pin_and_raise
from backend.devices.compilation import toolchain_cache
from backend.storage.settings import Settings, load_settings
from codegen.targets.target import Target
from codegen.toolchain.probe_program import build_probe

# Per thread: level 1, level 2, and what only a shared cache or memory can hold.
READ_BYTES = (24 << 10, 512 << 10, 3 << 19, 8 << 20, 64 << 20, 512 << 20)
_SECONDS = 60


@dataclass(frozen=True)
class MachinePeak:
    """What a number of cores reaches at most.

    Attributes:
        target: whose vectors the multiply-adds used.
        threads: cores at work at the same time.
        gflops: f32 GFLOP/s of fused multiply-adds (two a multiply-add), of all threads together.
        read_gbps: (bytes of each thread's buffer, GB/s of all threads together), ascending.
    """

    target: str
    threads: int
    gflops: float
    read_gbps: tuple[tuple[int, float], ...] = ()

    def bandwidth_gbps(self, size_bytes: float) -> float:
        """GB/s at which data of a size are read over and over: that of the next larger buffer."""
        if not self.read_gbps:
            msg = "no bandwidth was measured"
            raise BenchError(msg)
        share = size_bytes / self.threads
        return next((rate for size, rate in self.read_gbps if size >= share), self.read_gbps[-1][1])

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> MachinePeak:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is something else (or a KeyError, TypeError or AttributeError).
        """
        read = tuple((int(size), float(rate)) for size, rate in found["read_gbps"].items())
        return MachinePeak(found["target"], int(found["threads"]), float(found["gflops"]), read)

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` reads."""
        return {
            "target": self.target,
            "threads": self.threads,
            "gflops": self.gflops,
            "read_gbps": {str(size): rate for size, rate in self.read_gbps},
        }


class PeakProgram:
    """Runs the probe; as a contestant it takes its turn beside what is measured against it."""

    name = "peak"

    def __init__(self, target: Target, threads: int, settings: Settings | None = None) -> None:
        """Build the probe where the cache does not have it.

        Raises:
            ToolchainError: It cannot be built.
        """
        self.target, self.threads = target, threads
        self._settings = settings or load_settings()
        elf = build_probe(target, cache_dir=toolchain_cache(self._settings))
        digest = hashlib.sha256(elf).hexdigest()[:16]
        self._program = self._settings.cache / "probes" / f"peak-{target.name}-{digest}"
        if not self._program.is_file():
            self._program.parent.mkdir(parents=True, exist_ok=True)
            aside = self._program.with_suffix(".part")
            aside.write_bytes(elf)
            aside.chmod(0o755)
            aside.replace(self._program)

    def file(self, processor: str) -> Path:
        """Where the numbers of this probe on a processor are kept."""
        name = f"{self._program.name}-{_digest(processor)}-{self.threads}t.json"
        return self._program.with_name(name)

    def measure(self, seconds: float = 0.05, sizes: Sequence[int] = ()) -> MachinePeak:
        """Measure now: multiply-adds, then reading buffers of these sizes, `seconds` each.

        Raises:
            BenchError: The program does not run here.
        """
        words = (str(self.threads), str(seconds), *map(str, sizes))
        try:
            done = subprocess.run(
                (str(self._program), *words),
                capture_output=True,
                timeout=_SECONDS,
                check=True,
                env={},
                preexec_fn=lambda: pin_and_raise(self.threads),
            )
            found = json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            msg = f"the peak of {self.target.full_name} cannot be measured here: {error}"
            raise BenchError(msg) from error
        read = tuple((int(size), float(rate)) for size, rate in found["read_gbps"].items())
        return MachinePeak(self.target.full_name, self.threads, float(found["gflops"]), read)


def machine_peak(
    target: Target, threads: int, *, settings: Settings | None = None, fresh: bool = False
) -> MachinePeak:
    """The machine's limits, measured once and kept; `fresh` measures again.

    The key is the probe and the processor's name, so that a home folder that moves to another
    machine does not bring its numbers along.

    Raises:
        BenchError: The probe does not run here.
    """
    from backend.bench.turns import MachineLock

    program = PeakProgram(target, threads, settings)
    kept = program.file(_processor())
    found = None if fresh else _read(kept)
    if found is not None:
        return found
    with MachineLock():
        peak = program.measure(0.15, READ_BYTES)
    kept.write_text(json.dumps(peak.to_json(), indent=1) + "\n", encoding="utf-8")
    return peak


def kept_peak(target: str, threads: int, settings: Settings) -> MachinePeak | None:
    """What `machine_peak` measured here before, newest first; None where it never did.

    Args:
        target: its name.
        threads: cores at work.
        settings: the installation.
    """
    name = target.partition("+")[0]
    pattern = f"peak-{name}-*-{_digest(_processor())}-{threads}t.json"
    files = sorted(
        (settings.cache / "probes").glob(pattern), key=lambda path: -path.stat().st_mtime
    )
    return next((peak for path in files if (peak := _read(path)) is not None), None)


def _read(path: Path) -> MachinePeak | None:
    try:
        return MachinePeak.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest(processor: str) -> str:
    return hashlib.sha256(processor.encode()).hexdigest()[:12]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    wanted = ("model name", "CPU part", "cpu family", "model\t", "cache size", "BogoMIPS")
    lines = [line for line in text.split("\n\n")[0].splitlines() if line.startswith(wanted)]
    return "\n".join(lines) or "unknown"
