"""MNN in its high (f32) precision; variant `sparse` lets its converter look for zeros."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_FILE = "net.mnn"


def convert(model: Path, folder: Path, variant: str, _values: Any) -> None:
    """Fill a folder with MNN's file.

    The binding is called, never the command `mnnconvert`: that one installs a package into
    whatever Python comes first and sends usage records.
    """
    tools: Any = importlib.import_module("_tools")
    words = ["mnnconvert", "-f", "ONNX", "--modelFile", str(model), "--MNNModel"]
    words += [str(folder / _FILE), "--bizCode", "bench"]
    tools.mnnconvert(words + (["--detectSparseSpeedUp"] if variant == "sparse" else []))
    if not (folder / _FILE).is_file():
        msg = "MNN's converter wrote nothing"
        raise ValueError(msg)


def open_engine(
    folder: Path, threads: int, _variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output."""
    mnn: Any = importlib.import_module("MNN")
    numpy: Any = importlib.import_module("numpy")
    wanted = {"backend": "CPU", "numThread": threads, "precision": "high", "memory": "normal"}
    manager = mnn.nn.create_runtime_manager((wanted,))
    # Without names it takes the model's own.
    net = mnn.nn.load_module_from_file(
        str(folder / _FILE), ["input"], [str(info["output_name"])], runtime_manager=manager
    )
    info["version"] = f"mnn {version('mnn')}"
    picture = mnn.expr.placeholder(list(values.shape), mnn.expr.NCHW)

    def run() -> Any:
        picture.write(values)
        (result,) = net.forward([picture])
        return numpy.array(mnn.expr.convert(result, mnn.expr.NCHW).read())

    return run
