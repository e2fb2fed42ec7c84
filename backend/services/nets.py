"""Every trained net there is, by one name each: shipped, uploaded, of a search, or a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from backend.models.zoo import MODELS, WEIGHTS_FOLDER, has_trained_weights, load_model
from backend.services.candidates import candidate_folder
from backend.storage.artifacts import open_artifacts
from backend.storage.kept_folders import KeptFolders
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Search, UploadedModel
from codegen.errors import GraphError
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph

DENSE_OF = "dense:"
_CANDIDATE = re.compile(r"[0-9A-Za-z_-]+-[0-9]+")
_GRAPH = "graph.safetensors"
_SAMPLE = "sample"


@dataclass(frozen=True, kw_only=True)
class NetView:
    """A net that can be opened.

    Attributes:
        name: what `open_net` takes.
        title: what people read.
        kind: "shipped", "upload" or "candidate".
        dense: name of the net it was pruned from; empty for a net that stands on its own.
        data: data set it was trained on, where that is known.
    """

    name: str
    title: str
    kind: str
    dense: str = ""
    data: str = ""


def list_nets() -> tuple[NetView, ...]:
    """Shipped weights by name, uploads by name, then the fronts of searches, newest first."""
    found = [
        NetView(
            name=path.stem,
            title=path.stem.replace("-", " "),
            kind="shipped",
            data=_SAMPLE if path.stem.endswith(f"-{_SAMPLE}") else "",
        )
        for path in sorted(WEIGHTS_FOLDER.glob("*.safetensors"))
    ]
    with open_database().read() as session:
        found += [
            NetView(name=row.name, title=row.title, kind="upload")
            for row in session.scalars(select(UploadedModel).order_by(UploadedModel.name))
        ]
        searches = session.scalars(select(Search).order_by(Search.created_at.desc(), Search.id))
        for search in searches:
            found += [
                NetView(
                    name=str(trial),
                    title=f"candidate {trial} of {search.model}",
                    kind="candidate",
                    dense=f"{DENSE_OF}{search.id}",
                    data=search.data,
                )
                for trial in search.front or ()
            ]
    return tuple(found)


def base_of(name: str) -> tuple[str, str]:
    """Names of the dense net and of the data of a candidate of a search.

    Raises:
        GraphError: the name is no candidate, or its search has no dense net.
    """
    search = _search(name.rpartition("-")[0]) if _CANDIDATE.fullmatch(name) else None
    if search is None or not search.dense:
        msg = f"{name!r} is no candidate of a search: name the dense net beside it"
        raise GraphError(msg)
    return f"{DENSE_OF}{search.id}", search.data


def open_net(name: str) -> Graph:
    """The graph of a net.

    Args:
        name: shipped weights such as `resnet20-sample`, a base model with shipped weights, an
            upload, a candidate's id, `dense:` and a search's id for the net its candidates are
            compared with, or the path of an .onnx or .safetensors file.

    Raises:
        GraphError: there is no such net, or its file is damaged.
        SearchError: the candidate has not finished.
    """
    shipped = WEIGHTS_FOLDER / f"{name}.safetensors"
    if shipped.parent == WEIGHTS_FOLDER and shipped.is_file():
        return load_graph(shipped)
    if name in MODELS:
        if not has_trained_weights(name):
            msg = f"the base model {name!r} has no trained weights, so nothing can be seen in it"
            raise GraphError(msg)
        return load_model(name)
    if name.startswith(DENSE_OF):
        search = _search(name.removeprefix(DENSE_OF))
        if search is None or not search.dense:
            msg = f"there is no search {name.removeprefix(DENSE_OF)!r} with a dense net"
            raise GraphError(msg)
        folder = KeptFolders(load_settings()).path(str(search.dense["folder"]))
        return load_graph(folder / _GRAPH)
    if Path(name).suffix in {".onnx", ".safetensors"}:
        return load_model(name)
    with open_database().read() as session:
        row = session.get(UploadedModel, name)
    if row is not None:
        return load_graph(open_artifacts(load_settings()).file(row.graph_artifact))
    if _CANDIDATE.fullmatch(name):
        return load_graph(candidate_folder(name) / _GRAPH)
    names = ", ".join(view.name for view in list_nets()[:6])
    msg = f"there is no net {name!r}: take a file, a candidate's id, or one of {names}"
    raise GraphError(msg)


def _search(search_id: str) -> Search | None:
    with open_database().read() as session:
        return session.get(Search, search_id)
