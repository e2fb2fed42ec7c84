"""Base models and the models that users brought."""

from __future__ import annotations

import json
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from backend.jobs.queue import submit
from backend.models.zoo import MODELS, has_trained_weights, load_model
from backend.models.zoo import WEIGHTS_FOLDER as _WEIGHTS
from backend.services.build_model_reports import REPORTS, zoo_graph
from backend.services.model_report import from_json, report_of
from backend.services.views import ModelCard, ModelReport
from backend.storage.artifacts import open_artifacts, write_whole
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import UploadedModel
from codegen.errors import GraphError, ImportRefusedError
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph

# Protobuf writes fields by number, so an ONNX file starts with field 1, its version.
_ONNX_START = b"\x08"


def list_models() -> tuple[ModelCard, ...]:
    """All base models, then the uploaded ones by name."""
    reports = _zoo_reports()
    cards = [
        ModelCard(
            name=name,
            title=card.title,
            family=card.family,
            parameters=reports[name].parameters,
            macs=reports[name].macs,
            trained=has_trained_weights(name),
            accuracy=_accuracy(name),
            source="zoo",
        )
        for name, card in MODELS.items()
    ]
    with open_database().read() as session:
        cards += [
            ModelCard(
                name=row.name,
                title=row.title,
                family="upload",
                parameters=row.parameters,
                macs=row.macs,
                trained=True,
                accuracy=None,
                source="upload",
            )
            for row in session.scalars(select(UploadedModel).order_by(UploadedModel.name))
        ]
    return tuple(cards)


def describe_model(name: str, data: str = "sample") -> ModelReport:
    """The layers of a model; a base model takes the shape of the data where it can.

    Raises:
        GraphError: there is no such model.
        DataError: there are no such data.
    """
    if name in MODELS:
        return _zoo_reports()[name] if data == "sample" else _zoo_report(name, data)
    return from_json(_uploaded(name).report)


def open_model(name: str, data: str = "sample") -> Graph:
    """The graph of a base model (with trained weights where they are shipped) or an upload.

    Raises:
        GraphError: there is no such model, or its file is damaged.
    """
    if name in MODELS:
        return (
            load_model(name, data=data)
            if has_trained_weights(name, data)
            else zoo_graph(name, data)
        )
    store = open_artifacts(load_settings())
    return load_graph(store.file(_uploaded(name).graph_artifact))


def submit_model(file_name: str, content: bytes) -> str:
    """Queue the import of an ONNX file and return the job's id; its result is {"model": name}.

    Nothing of the file is parsed here: that happens in a process of its own with limits.

    Raises:
        ImportRefusedError: too large, empty, or no ONNX file by its first byte and its name.
        StorageError: it cannot be stored.
    """
    settings = load_settings()
    shown = ascii(Path(file_name).name[:80])
    if len(content) > settings.upload_limit_bytes:
        limit = settings.upload_limit_bytes // 1_000_000
        msg = f"{shown} is larger than {limit} MB: import it with `punchcard import` instead."
        raise ImportRefusedError(msg)
    if not file_name.lower().endswith(".onnx") or not content.startswith(_ONNX_START):
        msg = f"{shown} is not an ONNX file: export the model with torch.onnx.export first."
        raise ImportRefusedError(msg)
    database = open_database(settings)
    upload = secrets.token_hex(16)
    write_whole(settings.uploads / upload, content)
    return submit(database, "import_model", {"upload": upload, "file_name": file_name[:200]})


@lru_cache(maxsize=1)
def _zoo_reports() -> dict[str, ModelReport]:
    stored: dict[str, Any] = json.loads(REPORTS.read_text(encoding="utf-8"))
    return {name: from_json(report) for name, report in stored.items()}


@lru_cache(maxsize=64)
def _zoo_report(name: str, data: str) -> ModelReport:
    return report_of(zoo_graph(name, data), name, MODELS[name].title)


def _accuracy(name: str) -> float | None:
    """Test accuracy (0 to 1) that stands beside the shipped weights."""
    path = _WEIGHTS / f"{name}-sample.json"
    if not path.is_file():
        return None
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return float(facts["test"]["accuracy"])


def _uploaded(name: str) -> UploadedModel:
    with open_database().read() as session:
        row = session.get(UploadedModel, name)
    if row is None:
        msg = f"There is no model {ascii(name[:80])}: take a base model or upload one."
        raise GraphError(msg)
    return row
