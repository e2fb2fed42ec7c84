"""The search space: for each prunable layer the choices that are legal there."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

import numpy as np

from backend.config.errors import ConfigError
from backend.config.search_space import LayerConfig, SpaceConfig
from backend.search.layer_menu import LayerMenu, layer_menu
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.dependency import why_filters_stay
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import prunable_layers
from codegen.ir.graph import Graph
from codegen.ir.node import Node


@dataclass(frozen=True)
class Space:
    """Layer name to its menu, in the order of the graph; dense stands first in every menu."""

    menus: tuple[tuple[str, tuple[LayerChoice, ...]], ...]

    @cached_property
    def by_layer(self) -> Mapping[str, tuple[LayerChoice, ...]]:
        """Menu of each layer."""
        return dict(self.menus)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that are searched."""
        return tuple(name for name, _ in self.menus)

    @cached_property
    def size(self) -> int:
        """Number of candidates; the dense one counts."""
        return math.prod(len(menu) for _, menu in self.menus)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of layers and labels."""
        return hashlib.sha256(json.dumps(self.labels).encode()).hexdigest()

    @cached_property
    def labels(self) -> dict[str, list[str]]:
        """Label of each choice of each layer: what Optuna stores as a category."""
        return {name: [choice.label for choice in menu] for name, menu in self.menus}

    def candidate(self, labels: Mapping[str, str]) -> Candidate:
        """The candidate that takes the labelled choice in each layer."""
        return Candidate.of({name: LayerChoice.parse(labels[name]) for name in self.layers})

    def params(self, candidate: Candidate) -> dict[str, str]:
        """Labels of a candidate: what Optuna stores as a trial's parameters."""
        return {name: candidate.choice(name).label for name in self.layers}

    def candidates(self) -> Iterator[dict[str, str]]:
        """Every candidate in a fixed order, as labels; only for spaces known to be small."""
        names = self.layers
        for row in itertools.product(*self.labels.values()):
            yield dict(zip(names, row, strict=True))

    def draw(self, random: np.random.Generator) -> dict[str, str]:
        """One candidate, uniformly."""
        return {name: menu[int(random.integers(len(menu)))] for name, menu in self.labels.items()}


def build_space(graph: Graph, config: SpaceConfig, patterns: PatternSet | None = None) -> Space:
    """Menus of all prunable layers; the first convolution and the classifier stay dense.

    Args:
        graph: the dense net.
        config: what layers may choose from.
        patterns: the set the configuration names; without it patterns keep 4 of 9 weights.

    Raises:
        ConfigError: no layer has anything to choose, or one that the configuration names has not.
    """
    nodes = {node.name: node for node in searched_layers(graph)}
    _check_named(graph, config, nodes)
    menus = []
    for name, node in nodes.items():
        own = config.layers.get(name)
        named = own.filter_types if own is not None and own.filter_types is not None else ()
        menu = layer_menu(graph, node, config.of_layer(name), patterns, named=named)
        if len(menu.choices) > 1:
            menus.append((name, menu.choices))
        elif own is not None and not _leaves_dense(own):
            raise ConfigError(_nothing(name, menu))
    if not menus:
        msg = (
            f"no layer of {graph.name} can take {', '.join(config.schemes)} "
            f"at {', '.join(f'{rate:g}x' for rate in config.rates)}: add a scheme, a rate or a "
            "filter type"
        )
        raise ConfigError(msg)
    return Space(tuple(menus))


def searched_layers(graph: Graph) -> list[Node]:
    """Layers that a search may choose for, whether or not they have anything to choose."""
    inputs = {name for name, _ in graph.inputs}
    return [
        node
        for node in prunable_layers(graph)
        if not inputs.intersection(node.inputs)
        and (node.op == "conv" or why_filters_stay(graph, node) is None)
    ]


def _check_named(graph: Graph, config: SpaceConfig, searched: Mapping[str, Node]) -> None:
    """Refuse menus of layers that are not searched."""
    for name in config.layers:
        if name in searched:
            continue
        if any(node.name == name for node in prunable_layers(graph)):
            msg = (
                f"space.layers: {name!r} stays as it is, since the first convolution and the "
                "classifier are not searched: take it out of space.layers"
            )
            raise ConfigError(msg)
        near = get_close_matches(name, list(searched), n=3, cutoff=0.4) or list(searched)[:3]
        msg = (
            f"space.layers: {graph.name} has no layer {name!r} to choose for; "
            f"take one like {', '.join(map(repr, near))}"
        )
        raise ConfigError(msg)


def _leaves_dense(own: LayerConfig) -> bool:
    """Whether the user asked for nothing but the layer as it is."""
    types, schemes, rates = own.filter_types or (), own.schemes or (), own.rates or ()
    return set(types) <= {"keep"} and (set(schemes) == {"dense"} or set(rates) == {1.0})


def _nothing(name: str, menu: LayerMenu) -> str:
    reasons = "; ".join(f"{what}: {reason}" for what, reason in menu.reasons.items())
    return (
        f"space.layers: {name!r} has nothing to choose ({reasons}); give it a filter type, scheme "
        "or rate that it can have, or schemes: [dense] to leave it as it is"
    )
