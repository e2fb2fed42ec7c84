"""What a search would choose from: menus with a name, filter types, and a space counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from backend.config.errors import ConfigError
from backend.config.search_menus import MENUS
from backend.config.search_space import SpaceConfig
from backend.models.filter_types import FILTER_TYPES
from backend.models.zoo import MODELS
from backend.search.space import build_space, searched_layers
from backend.services.models import describe_model, open_model
from codegen.errors import PunchcardError
from codegen.ir.graph import Graph

MOST_PARAMETERS = 30_000_000
"""Of models whose space a page counts: it has to build them."""


@dataclass(frozen=True, kw_only=True)
class FilterTypeCard:
    """One filter type for people."""

    name: str
    title: str
    says: str


@dataclass(frozen=True, kw_only=True)
class SpaceLayer:
    """One layer that a search may choose for."""

    name: str
    output_shape: tuple[int, ...]
    choices: int
    filter_types: tuple[str, ...]
    schemes: tuple[str, ...]
    narrowed: bool


@dataclass(frozen=True, kw_only=True)
class SpaceView:
    """A space as the form shows it; `problem` says in one sentence why there is none."""

    layers: tuple[SpaceLayer, ...] = ()
    size: int = 0
    problem: str = ""


def list_filter_types() -> tuple[FilterTypeCard, ...]:
    """All filter types, the layer as it is first."""
    return tuple(
        FilterTypeCard(name=name, title=row.title, says=row.says)
        for name, row in FILTER_TYPES.items()
    )


def list_menus() -> dict[str, dict[str, Any]]:
    """Name of each menu to the keys of `space` it stands for."""
    return {
        name: SpaceConfig.model_validate({"menu": name}).model_dump(
            mode="json", include={"filter_types", "schemes", "rates", "pattern_rates", "blocks"}
        )
        for name in MENUS
    }


def describe_space(config: Mapping[str, Any]) -> SpaceView | None:
    """The space of a configuration, counted; None for a model too large to build in a page.

    Patterns count as those of four of nine weights, whichever set is named. A configuration that
    is not valid is no problem of the space: `validate_config` tells it.
    """
    model, data = str(config.get("model")), str(config.get("data"))
    try:
        if describe_model(model, data).parameters > MOST_PARAMETERS:
            return None
        space = SpaceConfig.model_validate(config.get("space") or {})
        graph = _zoo(model, data) if model in MODELS else open_model(model, data)
        return _described(graph, json.dumps(space.model_dump(mode="json"), sort_keys=True))
    except ConfigError as error:
        return SpaceView(problem=str(error))
    except (PunchcardError, ValueError):
        return None


@lru_cache(maxsize=4)
def _zoo(model: str, data: str) -> Graph:
    return open_model(model, data)


@lru_cache(maxsize=32)
def _described(graph: Graph, space: str) -> SpaceView:
    config = SpaceConfig.model_validate_json(space)
    found = build_space(graph, config)
    rows = []
    for node in searched_layers(graph):
        menu = found.by_layer.get(node.name, ())
        rows.append(
            SpaceLayer(
                name=node.name,
                output_shape=tuple(node.type.shape[1:]),
                choices=max(1, len(menu)),
                filter_types=tuple(dict.fromkeys(c.filter_type for c in menu)) or ("keep",),
                schemes=tuple(dict.fromkeys(c.scheme for c in menu)) or ("dense",),
                narrowed=node.name in config.layers,
            )
        )
    return SpaceView(layers=tuple(rows), size=found.size)
