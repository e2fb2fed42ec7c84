"""torch.compile (inductor with frozen weights) in our own environment, from our own graph."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def open_engine(
    model: Path, threads: int, _variant: str, values: Any, info: dict[str, object]
) -> Callable[[], Any]:
    """Return what runs the model once on the input and gives its output.

    The first run compiles, which takes minutes; the compiled code is kept beside the model.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(model.parent / "inductor")
    torch: Any = importlib.import_module("torch")
    inductor: Any = importlib.import_module("torch._inductor.config")
    importer: Any = importlib.import_module("codegen.exchange.onnx_importer")
    modules: Any = importlib.import_module("backend.models.graph_module")
    torch.set_num_threads(threads)
    inductor.freezing = True
    module = modules.GraphModule(importer.import_onnx(model, name=model.stem)).eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    picture = torch.from_numpy(values)
    with torch.no_grad():
        # One flat function: tracing our interpreter of graphs would time Python instead.
        plain = torch.export.export(module, (picture,)).module()
        compiled = torch.compile(plain)
    info["version"] = f"torch {torch.__version__}"

    def run() -> Any:
        with torch.no_grad():
            return compiled(picture).numpy()

    return run
