"""The job of an enhancement study: nets and pictures opened, looked into, everything kept."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from backend.enhancement.errors import EnhancementError
from backend.enhancement.exhibit import pack, png_zip
from backend.enhancement.order import StudyOrder
from backend.enhancement.run_order import run_order
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.services.nets import open_net
from backend.storage.artifacts import open_artifacts

CACHE_FOLDER = "enhancement"
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_NICE = 10  # searches beside it measure latencies


def enhance(context: JobContext) -> Mapping[str, str]:
    """Do the study of the payload's order; the result names the artefacts that hold it.

    What is measured of one net by one method is kept by its content, so a study that was cut short
    goes on after its last such part.
    """
    os.nice(_NICE)
    order = StudyOrder.from_json(context.payload["order"])
    context.progress("opening the nets", 0, 1)
    dense = open_net(order.dense)
    pruned = open_net(order.pruned) if order.pruned else None
    files = _files(context)

    def note(phase: str, done: int, total: int) -> None:
        if context.should_stop():
            raise CancelledError(context.job_id)
        context.progress(phase, done, total, phase)

    outcome = run_order(
        order,
        dense,
        pruned,
        files=files,
        cache=context.settings.cache / CACHE_FOLDER,
        on_progress=note,
    )
    store = open_artifacts(context.settings)
    result = {
        "report": store.put(json.dumps(outcome.report, indent=1).encode()),
        "rows": store.put(json.dumps(outcome.rows).encode()),
        "exhibits": store.put(pack(outcome.exhibits)),
        "pictures": store.put(png_zip(outcome.exhibits)),
    }
    context.check()
    for item in context.payload["files"]:
        (context.settings.uploads / str(item["upload"])).unlink(missing_ok=True)
    return result


def _files(context: JobContext) -> list[tuple[str, bytes]]:
    files: list[tuple[str, bytes]] = []
    for item in context.payload["files"]:
        name: Any = item["upload"]
        path = context.settings.uploads / str(name)
        if _UPLOAD.fullmatch(str(name)) is None or not path.is_file():
            msg = "An uploaded picture is not there any more: start the study again."
            raise EnhancementError(msg)
        files.append((str(item["name"]), path.read_bytes()))
    return files
