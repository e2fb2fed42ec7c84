"""DeepSparse, whose last version knows ONNX only up to opset 13."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_FILE = "net.onnx"
_OPSET, _IR_VERSION = 13, 7


def convert(model: Path, folder: Path, _variant: str, _values: Any) -> None:
    """Write the model with an older opset on it; the operators used here did not change."""
    onnx: Any = importlib.import_module("onnx")
    proto = onnx.load(str(model))
    proto.opset_import[0].version = _OPSET
    proto.ir_version = _IR_VERSION
    onnx.save(proto, str(folder / _FILE))


def open_engine(
    folder: Path, threads: int, _variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output."""
    deepsparse: Any = importlib.import_module("deepsparse")
    engine = deepsparse.compile_model(str(folder / _FILE), batch_size=1, num_cores=threads)
    info["version"] = f"deepsparse {version('deepsparse')}"

    def run() -> Any:
        return engine.run([values])[0]

    return run
