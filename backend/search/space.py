"""The search space: for each prunable layer the choices that are legal there."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.config.search_file import ConfigError, SpaceConfig
from backend.sparsity.candidate import FIELDS, Candidate, LayerChoice
from backend.sparsity.dependency import why_filters_stay
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import prunable_layers, why_illegal
from backend.sparsity.schemes import SCHEMES
from codegen.ir.graph import Graph
from codegen.ir.node import Node

DENSE = LayerChoice()


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

    @property
    def size(self) -> int:
        """Number of candidates; the dense one counts."""
        return math.prod(len(menu) for _, menu in self.menus)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of layers and labels."""
        return hashlib.sha256(json.dumps(self.labels).encode()).hexdigest()

    @property
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
        ConfigError: no layer has anything to choose.
    """
    menus = []
    for node in _searched_nodes(graph):
        menu = _menu(graph, node, config, patterns)
        if len(menu) > 1:
            menus.append((node.name, menu))
    if not menus:
        msg = (
            f"no layer of {graph.name} can take {', '.join(config.schemes)} "
            f"at {', '.join(f'{rate:g}x' for rate in config.rates)}: add a scheme or a rate"
        )
        raise ConfigError(msg)
    return Space(tuple(menus))


def _searched_nodes(graph: Graph) -> list[Node]:
    inputs = {name for name, _ in graph.inputs}
    return [
        node
        for node in prunable_layers(graph)
        if not inputs.intersection(node.inputs)
        and (node.op == "conv" or why_filters_stay(graph, node) is None)
    ]


def _menu(
    graph: Graph, node: Node, config: SpaceConfig, patterns: PatternSet | None
) -> tuple[LayerChoice, ...]:
    shape = graph.weights[node.weights["weight"]].values.shape
    menu = [DENSE]
    for scheme in config.schemes:
        if scheme == "dense" or why_illegal(graph, node, scheme) is not None:
            continue
        for rate in config.rates:
            choice = _choice(scheme, rate, config)
            entries = patterns.entries if scheme == "pattern" and patterns is not None else None
            if SCHEMES[scheme].problem(shape, choice, entries) is None:
                menu.append(choice)
    return tuple(dict.fromkeys(menu))


def _choice(scheme: str, rate: float, config: SpaceConfig) -> LayerChoice:
    """A choice whose fields that the scheme does not use keep their defaults."""
    return LayerChoice(
        scheme, rate, **{name: getattr(config, name) for name in FIELDS.get(scheme, ())}
    )
