"""The other runtime of `punchcard bench`, in a process of its own: onnxruntime on one core."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codegen.errors import PunchcardError

Array = npt.NDArray[np.float32]
WARM_UP_RUNS = 5


class BenchError(PunchcardError):
    """A benchmark cannot run here; the message says what is missing."""


class OtherRuntime:
    """Asks the worker process for times; see `open_onnxruntime`."""

    def __init__(self, connection: Connection, version: str) -> None:
        self._connection = connection
        self.version = version

    def output(self) -> Array:
        """What it computes for the input."""
        return np.asarray(self._ask("output"), dtype=np.float32)

    def samples_ms(self, repeat: int) -> list[float]:
        """Milliseconds of `repeat` runs in a row, after a few that do not count."""
        return list(self._ask(repeat))

    def _ask(self, request: str | int) -> Any:  # noqa: ANN401 - what a pipe carries
        self._connection.send(request)
        return self._connection.recv()


@contextmanager
def open_onnxruntime(model: Path, values: Array, core: int | None) -> Iterator[OtherRuntime]:
    """Start onnxruntime on a model with one thread, pinned to a core.

    Raises:
        BenchError: onnxruntime is not installed or does not take the model.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, str(model), values, core), daemon=True)
    process.start()
    theirs.close()
    try:
        try:
            answer = ours.recv()
        except EOFError:
            answer = {"error": "the process of onnxruntime ended at its start"}
        if "error" in answer:
            raise BenchError(answer["error"])
        yield OtherRuntime(ours, answer["version"])
    finally:
        ours.close()
        process.join(timeout=5)
        if process.is_alive():
            process.kill()


def _serve(connection: Connection, model: str, values: Array, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
    except ImportError:
        connection.send(
            {"error": "onnxruntime is not installed here: pip install -r requirements-dev.txt"}
        )
        return
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class of their own
        connection.send({"error": f"onnxruntime does not take the model: {error}"})
        return
    feed = {session.get_inputs()[0].name: values}
    connection.send({"version": onnxruntime.__version__})
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        if request == "output":
            connection.send(session.run(None, feed)[0])
            continue
        for _ in range(WARM_UP_RUNS):
            session.run(None, feed)
        samples = []
        for _ in range(request):
            start = time.perf_counter()
            session.run(None, feed)
            samples.append(1000.0 * (time.perf_counter() - start))
        connection.send(samples)
