"""ONNX Runtime on an ONNX file: the reference of every comparison."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def open_engine(
    model: Path, threads: int, _variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    info["version"] = f"onnxruntime {onnxruntime.__version__}"
    feed = {session.get_inputs()[0].name: values}

    def run() -> Any:
        return session.run(None, feed)[0]

    return run
