"""A graph that a job made, kept as a model of the user's: searches take it by its name."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from backend.devices.compilation import graph_bytes
from backend.jobs.clock import now_s
from backend.jobs.context import JobContext
from backend.models.zoo import MODELS
from backend.services.model_report import report_of, to_json
from backend.storage.artifacts import open_artifacts
from backend.storage.tables import UploadedModel
from codegen.ir.graph import Graph


def keep_model(context: JobContext, graph: Graph, name: str, title: str) -> str:
    """Store a graph and its row; the name it got, which is another one where that is taken.

    Raises:
        FencedError: another runner holds the job; no row is written.
        StorageError: it cannot be stored.
    """
    from codegen.exchange.onnx_exporter import export_onnx

    files = (graph_bytes(graph), export_onnx(graph))
    return keep_files(context, graph, plain_name(name), title, *files)


def keep_files(
    context: JobContext, graph: Graph, name: str, title: str, stored: bytes, original: bytes
) -> str:
    """As `keep_model`, of a graph's own file and of the one it came from."""
    report = report_of(graph, name, title)
    store = open_artifacts(context.settings)
    graph_digest, original_digest = store.put(stored), store.put(original)
    with context.write() as session:
        free = free_name(session, name, original_digest)
        session.merge(
            UploadedModel(
                name=free,
                title=title[:200],
                graph_artifact=graph_digest,
                original_artifact=original_digest,
                parameters=report.parameters,
                macs=report.macs,
                report={**to_json(report), "name": free},
                created_at=now_s(),
            )
        )
    return free


def plain_name(title: str) -> str:
    """A title as a model's name: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip(".-_")[:48] or "model"


def free_name(session: Session, name: str, original_digest: str) -> str:
    """The name, or one with a number behind it where another model has it already."""
    number, free = 1, name
    while free in MODELS or (
        (row := session.get(UploadedModel, free)) is not None
        and row.original_artifact != original_digest
    ):
        number += 1
        free = f"{name}-{number}"
    return free
