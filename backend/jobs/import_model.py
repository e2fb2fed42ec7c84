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

from backend.jobs.clock import now_s
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kept_model import free_name
from backend.services.model_report import report_of, to_json
from backend.storage.artifacts import ArtifactStore
from backend.storage.tables import UploadedModel
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
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip(".-_")[:48] or "model"
    context.progress("reading", 0, 2, "")
    with tempfile.TemporaryDirectory(dir=context.settings.uploads) as place:
        folder = Path(place)
        _run_child(context, upload, folder, name)
        context.progress("checking", 1, 2, "")
        graph = load_graph(folder / "graph.safetensors")  # verifies what the child wrote
        report = report_of(graph, name, title)
        store = ArtifactStore(context.settings.artifacts)
        graph_digest = store.put((folder / "graph.safetensors").read_bytes())
        original_digest = store.put(upload.read_bytes())
    with context.write() as session:
        name = free_name(session, name, original_digest)
        session.merge(
            UploadedModel(
                name=name,
                title=title[:200],
                graph_artifact=graph_digest,
                original_artifact=original_digest,
                parameters=report.parameters,
                macs=report.macs,
                report={**to_json(report), "name": name},
                created_at=now_s(),
            )
        )
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
