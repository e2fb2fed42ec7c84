"""The job that takes an uploaded ONNX file: parsed by a child with limits, checked, then stored."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kept_model import keep_files, plain_name
from codegen.errors import ImportRefusedError
from codegen.ir.storage import load_graph

_LIMIT_S = 180.0
_UPLOAD = re.compile(r"[0-9a-f]{32}")


def import_model(context: JobContext) -> Mapping[str, Any]:
    """Import the upload that the payload names; the result is {"model": name}.

    Raises:
        ImportRefusedError: the model cannot be taken; the message lists every reason.
    """
    upload = _upload_path(context)
    title = Path(str(context.payload["file_name"])).stem
    name = plain_name(title)
    context.progress("reading", 0, 2, "")
    with tempfile.TemporaryDirectory(dir=context.settings.uploads) as place:
        folder = Path(place)
        _run_child(context, upload, folder, name)
        context.progress("checking", 1, 2, "")
        graph = load_graph(folder / "graph.safetensors")  # verifies what the child wrote
        stored = (folder / "graph.safetensors").read_bytes()
        name = keep_files(context, graph, name, title, stored, upload.read_bytes())
    upload.unlink(missing_ok=True)
    context.progress("done", 2, 2, name)
    return {"model": name}


def _upload_path(context: JobContext) -> Path:
    name = str(context.payload["upload"])
    path = context.settings.uploads / name
    if _UPLOAD.fullmatch(name) is None or not path.is_file():
        msg = "The uploaded file is not there any more: upload it again."
        raise ImportRefusedError(msg)
    return path


def _run_child(context: JobContext, upload: Path, folder: Path, name: str) -> None:
    arguments = [str(os.getpid()), str(upload), str(folder), name]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        # Each thread's stack would count against the limit of memory.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "backend.jobs.import_child", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        cwd=folder,
    )
    deadline = time.monotonic() + _LIMIT_S
    try:
        while child.poll() is None:
            if context.should_stop():
                raise CancelledError
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
    finally:
        child.kill()
        code = child.wait()
    answer = folder / "answer.json"
    if code != 0 or not answer.is_file():
        context.log.warning("import_child", code=code)
        msg = (
            f"The file {ascii(name)} could not be read within the limits of memory and time "
            f"(its process ended with code {code}): check it with `punchcard import`."
        )
        raise ImportRefusedError(msg)
    refused = json.loads(answer.read_text(encoding="utf-8"))["refused"]
    if refused is not None:
        raise ImportRefusedError(str(refused))
