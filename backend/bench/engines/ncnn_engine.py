"""ncnn in f32; its own converter pnnx makes its files from ONNX."""

from __future__ import annotations

import importlib
import os
import subprocess
import sysconfig
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PARAMETERS, _WEIGHTS = "net.param", "net.bin"


def convert(model: Path, folder: Path, _variant: str, values: Any) -> None:
    """Fill a folder with ncnn's two files."""
    places = Path(sysconfig.get_paths()["purelib"]) / "pnnx"
    programs = [
        path
        for path in sorted(places.rglob("pnnx*"))
        if path.is_file() and os.access(path, os.X_OK) and path.suffix != ".py"
    ]
    if not programs:
        msg = "the converter pnnx is not in its wheel"
        raise FileNotFoundError(msg)
    # Side files are named after the model, beside it, with dashes made underscores.
    local = folder / "net.onnx"
    local.symlink_to(model.absolute())
    shape = ",".join(map(str, values.shape))
    subprocess.run(
        [
            str(programs[0]),
            str(local),
            f"inputshape=[{shape}]f32",
            "fp16=0",
            f"ncnnparam={folder / _PARAMETERS}",
            f"ncnnbin={folder / _WEIGHTS}",
        ],
        cwd=folder,
        check=True,
    )
    for path in folder.iterdir():
        if path.name not in (_PARAMETERS, _WEIGHTS):
            path.unlink()


def open_engine(
    folder: Path, threads: int, _variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output."""
    ncnn: Any = importlib.import_module("ncnn")
    numpy: Any = importlib.import_module("numpy")
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for half in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{half}", False)
    if net.load_param(str(folder / _PARAMETERS)) or net.load_model(str(folder / _WEIGHTS)):
        msg = "ncnn does not read what its converter wrote"
        raise ValueError(msg)
    info["version"] = f"ncnn {version('ncnn')}"
    picture = numpy.ascontiguousarray(values[0])

    def run() -> Any:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(picture))
        return numpy.array(extractor.extract("out0")[1])

    return run
