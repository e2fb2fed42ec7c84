"""An engine in a process of its own, stopped while others are at their turn."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.bench.errors import BenchError
from backend.bench.turns import bench_cores, raise_all_threads

FloatArray = npt.NDArray[np.float32]

WORKER = Path(__file__).parent / "engines" / "worker.py"
WARM_UP_RUNS = 2
_TURN_SECONDS = 300.0
_STOP_SECONDS = 2.0


class EngineProcess:
    """A worker that has loaded its model; see `engines/worker.py` for what is said.

    While nobody asks it anything it is stopped, so that no spinning thread of it disturbs another.
    Used as a context: leaving it ends the process.
    """

    def __init__(
        self,
        name: str,
        python: Path,
        *,
        model: Path,
        values: Path,
        folder: Path,
        threads: int,
        output_name: str = "",
        load_seconds: float = 400.0,
    ) -> None:
        """Start `name` (an engine, with `:variant` where it has one) and wait until it is ready.

        Args:
            name: file `engines/<name>_engine.py`, and the variant it is asked for.
            python: interpreter of the environment where the engine is installed.
            model: ONNX file.
            values: input, .npy.
            folder: for conversions, logs and outputs.
            threads: how many it may use; it is pinned to as many cores.
            output_name: of the model's output, for engines that ask for it.
            load_seconds: limit for loading and converting.

        Raises:
            BenchError: The engine is missing, does not take the model or takes too long.
        """
        self.name = name
        engine, _, variant = name.partition(":")
        tag = f"{name.replace(':', '-')}-{model.stem}-{threads}t"
        self._output = folder / f"{tag}.npy"
        self._log = folder / f"{tag}.log"
        self._buffer = b""
        words = {
            "engine": engine, "variant": variant or "plain", "model": model, "input": values,
            "output": self._output, "threads": threads, "cache": folder,
            "output_name": output_name,
        }  # fmt: skip
        argv = [str(python), str(WORKER), *(f"--{key}={word}" for key, word in words.items())]
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                argv,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(threads),
                preexec_fn=lambda: _before(threads),
            )
        try:
            answer = self._answer(load_seconds)
        except BaseException:
            self.close()
            raise
        if not isinstance(answer, dict) or "ready" not in answer:
            self.close()
            reason = answer.get("error") if isinstance(answer, dict) else answer
            msg = f"{name} does not run {model.name}: {reason}"
            raise BenchError(msg)
        self.info: dict[str, Any] = answer["ready"]
        raise_all_threads(self._process.pid)
        self._stop()

    def __enter__(self) -> EngineProcess:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def output(self) -> FloatArray:
        """What it computed for the input."""
        return np.asarray(np.load(self._output), dtype=np.float32)

    def samples_ms(self, repeat: int) -> list[float]:
        """Milliseconds of `repeat` runs in a row, after a few that do not count.

        Raises:
            BenchError: The engine died or gives no answer.
        """
        self._signal(signal.SIGCONT)
        stdin = self._process.stdin
        assert stdin is not None, "started with a pipe"
        with contextlib.suppress(BrokenPipeError):
            stdin.write(f"run {repeat} {WARM_UP_RUNS}\n".encode())
            stdin.flush()
        answer = self._answer(_TURN_SECONDS)
        self._stop()
        return [float(sample) for sample in answer]

    def close(self) -> None:
        """End the process and everything it started."""
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _answer(self, seconds: float) -> Any:  # noqa: ANN401 - what a worker says
        pipe = self._process.stdout
        assert pipe is not None, "started with a pipe"
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = max(0.0, end - time.monotonic())
            readable, _, _ = select.select([pipe], [], [], left)
            if not readable:
                msg = f"{self.name} gave no answer within {seconds:.0f} s (log: {self._log})"
                raise BenchError(msg)
            chunk = os.read(pipe.fileno(), 1 << 20)
            if not chunk:
                status = self._process.wait()
                msg = f"{self.name} died with status {status} (log: {self._log})"
                raise BenchError(msg)
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def _stop(self) -> None:
        """Stop it and wait until it stands still: the next one's turn begins then."""
        self._signal(signal.SIGSTOP)
        end = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                # The state stands behind the name, which may hold blanks and brackets.
                status = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
                if status.rpartition(")")[2].split()[0] in "TZ":
                    return
            time.sleep(0.001)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _before(threads: int) -> None:
    """In the child: a group of its own, its cores, and politeness while it loads."""
    os.setsid()
    os.nice(5)
    os.sched_setaffinity(0, bench_cores(threads))


def _environment(threads: int) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "TMPDIR")}
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **kept,
        **dict.fromkeys(counts, str(threads)),
        "LC_ALL": "C.UTF-8",
        "NM_DISABLE_ANALYTICS": "1",  # DeepSparse would report its use
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
