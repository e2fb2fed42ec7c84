"""Everything a search is made of, loaded and hashed before its first trial (no torch)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from backend.config.errors import ConfigError
from backend.config.search_file import SearchConfig
from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.latency.new_learner import new_learner
from backend.models.zoo import MODELS, load_model
from backend.search.front import Limits
from backend.search.identity import data_details, model_details, space_details
from backend.search.layer_edges import layer_edges
from backend.search.problem import Problem
from backend.search.space import Space, build_space
from backend.search.tables import damage_table
from backend.sparsity.patterns import PatternSet, natural_patterns, preset_patterns
from backend.storage.artifacts import ArtifactStore
from backend.storage.database import Database
from backend.storage.tables import PatternSetRow, UploadedModel
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph


@dataclass(frozen=True)
class Prepared:
    """A search ready to run.

    Attributes:
        graph: the trained base model.
        digests: of model, data, space and settings: what a resume must find unchanged.
        details: the same parts in a form that tells what has changed.
        problem: what the sampler may know; the dense baseline is filled in when it is measured.
        pattern_sets: those the space names, by name.
    """

    config: SearchConfig
    graph: Graph
    data: ImageData
    space: Space
    problem: Problem
    pattern_sets: dict[str, PatternSet]
    digests: dict[str, str]
    details: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class OpenedSpace:
    """Model, data and menus of a search: enough to judge a candidate."""

    graph: Graph
    data: ImageData
    space: Space
    pattern_sets: dict[str, PatternSet]


def open_space(config: SearchConfig, database: Database, store: ArtifactStore) -> OpenedSpace:
    """Load model and data and build the space.

    Raises:
        PunchcardError: the model or the data cannot be opened, do not fit each other, or leave
            nothing to search.
    """
    data = open_data(config.data)
    graph = open_base_model(config.model, config.data, data, database, store)
    if graph.preprocessing is None:  # never trained here, so the data's own is as good as any
        graph = replace(graph, preprocessing=data.preprocessing)
    pattern_sets = pattern_sets_of(config.space.patterns, graph, database)
    space = build_space(graph, config.space, pattern_sets[config.space.patterns])
    return OpenedSpace(graph, data, space, pattern_sets)


def prepare(config: SearchConfig, database: Database, store: ArtifactStore) -> Prepared:
    """Load model and data and build space and tables.

    Raises:
        PunchcardError: as `open_space`.
    """
    opened = open_space(config, database, store)
    graph, data, space = opened.graph, opened.data, opened.space
    pattern_sets = opened.pattern_sets
    settings = {
        "patterns": pattern_sets[config.space.patterns].patterns,
        "sampler": config.sampler,
        "seed": config.seed,
        "device": config.device,
        "training": config.training.to_json(),
        "constraints": config.constraints.model_dump(mode="json"),
    }
    latency = new_learner(graph, space.labels).model()
    problem = Problem(
        space=space,
        damage=damage_table(graph, space, pattern_sets),
        cost=latency.unary,
        limits=Limits(**config.constraints.model_dump()),
        latency=latency,
        edges=layer_edges(graph, space.layers),
    )
    digests = {
        "model": graph.digest,
        "data": data.digest,
        "space": space.digest,
        "settings": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
    }
    details = {
        "model": model_details(config.model, graph),
        "data": data_details(config.data, data),
        "space": space_details(space),
        "settings": settings,
    }
    return Prepared(config, graph, data, space, problem, pattern_sets, digests, details)


def pattern_sets_of(name: str, graph: Graph, database: Database) -> dict[str, PatternSet]:
    """The shipped or drawn pattern set of a name, or `natural-<size>` of the model itself."""
    shipped = preset_patterns()
    if name in shipped:
        return {name: shipped[name]}
    with database.read() as session:
        row = session.get(PatternSetRow, name)
        known = [*shipped, *session.scalars(select(PatternSetRow.name))]
    if row is None and (size := re.fullmatch(r"natural-(\d{1,2})", name)):
        return {name: natural_patterns(graph, int(size[1]))}
    if row is None:
        msg = f"space.patterns: there is no pattern set {name!r}; take one of {', '.join(known)}"
        raise ConfigError(msg)
    masks = (sum(int(bit) << k for k, bit in enumerate(pattern)) for pattern in row.patterns)
    return {name: PatternSet(name, tuple(masks))}


def open_base_model(
    name: str, data_name: str, data: ImageData, database: Database, store: ArtifactStore
) -> Graph:
    """A base model, an uploaded model by its name, or a file; for these data.

    Raises:
        PunchcardError: there is none, or it does not fit the data.
    """
    with database.read() as session:
        row = session.get(UploadedModel, name)
    if name in MODELS or row is None:
        return load_model(
            name, input_shape=data.input_shape, classes=len(data.classes), data=data_name
        )
    return load_graph(store.file(row.graph_artifact))
