"""OpenVINO on an ONNX file: f32, or the precision it takes by itself (variant `default`)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def open_engine(
    model: Path, threads: int, variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output."""
    openvino: Any = importlib.import_module("openvino")
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "PERFORMANCE_HINT": "LATENCY",
    }
    if variant != "default":
        # Without it a processor with bf16 gets bf16: another precision, no fair f32 time.
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(model)), "CPU", settings)
    info["version"] = f"openvino {openvino.__version__.split('-')[0]}"
    info["precision"] = str(compiled.get_property("INFERENCE_PRECISION_HINT"))
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(values))
    output = request.get_output_tensor()

    def run() -> Any:
        request.infer()
        return output.data

    return run
