"""LiteRT with its XNNPACK delegate; our own converter makes the file."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_FILE = "net.tflite"


def convert(model: Path, folder: Path, _variant: str, _values: Any) -> None:
    """Fill a folder with the flatbuffer."""
    converter: Any = importlib.import_module("tflite_writer")
    (folder / _FILE).write_bytes(converter.tflite_bytes(model))


def open_engine(
    folder: Path, threads: int, _variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output."""
    litert: Any = importlib.import_module("ai_edge_litert.interpreter")
    numpy: Any = importlib.import_module("numpy")
    interpreter = litert.Interpreter(str(folder / _FILE), num_threads=threads)
    interpreter.allocate_tensors()
    info["version"] = f"ai-edge-litert {version('ai-edge-litert')}"
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    picture = numpy.ascontiguousarray(values.transpose(0, 2, 3, 1))

    def run() -> Any:
        interpreter.set_tensor(source, picture)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return run
