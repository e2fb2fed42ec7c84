"""A compiled package as a contestant: its own program, pinned, at real-time priority."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.bench.errors import BenchError
from backend.bench.turns import pin_and_raise
from codegen.package import Package

FloatArray = npt.NDArray[np.float32]

WARM_UP_RUNS = 3
_SECONDS = 120


class OurProgram:
    """Starts the package's program for each turn; weights come from the page cache."""

    def __init__(self, package: Package, threads: int, name: str = "punchcard") -> None:
        self.name = name
        self.package, self.threads = package, threads
        self.report: dict[str, Any] = {}

    def samples_ms(self, repeat: int) -> list[float]:
        """Milliseconds of `repeat` runs in a row, after a few that do not count.

        Raises:
            BenchError: The program fails.
        """
        self.report = self._run(repeat)
        return [float(sample) for sample in self.report["samples_ms"]]

    def layers_ms(self, repeat: int) -> list[float]:
        """Median milliseconds of each layer of the manifest."""
        return [float(ms) for ms in self._run(repeat, "--profile")["layers_ms"]]

    def output(self, values: FloatArray) -> FloatArray:
        """What it computes for an input."""
        with tempfile.TemporaryDirectory(prefix="punchcard-bench-") as name:
            place = Path(name)
            np.ascontiguousarray(values, dtype="<f4").tofile(place / "input.bin")
            words = ("--output", str(place / "output.bin"))
            self.report = self._run(1, *words, values=place / "input.bin")
            found = np.fromfile(place / "output.bin", "<f4")
        return found.reshape(self.package.output_shape)

    def _run(self, repeat: int, *words: str, values: Path | None = None) -> dict[str, Any]:
        folder = self.package.folder.absolute()
        argv = (
            str(folder / "model"), "--weights", str(folder / "weights.bin"),
            "--input", str(values or folder / "input.bin"), "--repeat", str(repeat),
            "--warmup", str(WARM_UP_RUNS), "--threads", str(self.threads), "--json", "-", *words,
        )  # fmt: skip
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"LC_ALL": "C"},
                preexec_fn=lambda: pin_and_raise(self.threads),
            )
            if done.returncode == 0:
                return dict(json.loads(done.stdout))
            reason = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            reason = str(error)
        msg = f"the program of package {self.package.folder} fails: {reason}"
        raise BenchError(msg)
