"""What one layer may choose from, and why not more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from backend.config.search_space import SpaceConfig
from backend.models.filter_types import (
    why_illegal_filter_type,
)
from backend.sparsity.candidate import FIELDS, LayerChoice
from backend.sparsity.choice_site import ChoiceSite
from backend.sparsity.patterns import PatternSet
from codegen.ir.graph import Graph
from codegen.ir.node import Node

DENSE = LayerChoice()


@dataclass(frozen=True)
class LayerMenu:
    """Choices of a layer, dense first, and what was left out.

    Attributes:
        choices: no two alike.
        reasons: sentence by the filter type or scheme that the layer cannot have at all.
    """

    choices: tuple[LayerChoice, ...]
    reasons: Mapping[str, str]


def layer_menu(
    graph: Graph,
    node: Node,
    config: SpaceConfig,
    patterns: PatternSet | None = None,
    *,
    named: Collection[str] = (),
) -> LayerMenu:
    """All legal combinations of filter type, scheme, rate and block.

    Args:
        graph: the dense net.
        node: a layer of it.
        config: of this layer (`SpaceConfig.of_layer`).
        patterns: the set the configuration names; without it patterns keep 4 of 9 weights.
        named: filter types the user named for this layer: they may cost more than it does.
    """
    choices = [DENSE]
    sets = None if patterns is None else {patterns.name: patterns}
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(("keep", *config.filter_types)):
        reason = why_illegal_filter_type(graph, node, name, is_named=name in named)
        if reason is not None:
            reasons[name] = reason
            continue
        choices.append(LayerChoice(filter_type=name))
        if name != "skip":
            site = ChoiceSite(graph, node, name, sets)
            choices += _pruned(site, config, reasons)
    return LayerMenu(tuple(dict.fromkeys(choices)), reasons)


def _pruned(
    site: ChoiceSite, config: SpaceConfig, reasons: dict[str, str]
) -> Iterator[LayerChoice]:
    for scheme in config.schemes:
        if scheme == "dense":
            continue
        first = next(_choices(site.filter_type, scheme, config), None)
        if first is None:
            continue
        reason = site.why_not_scheme(first)
        if reason is not None:
            reasons.setdefault(scheme, reason)
            continue
        for choice in _choices(site.filter_type, scheme, config):
            reason = site.problem(choice)
            if reason is None:
                yield choice
            else:
                reasons.setdefault(choice.label, reason)


def _choices(filter_type: str, scheme: str, config: SpaceConfig) -> Iterator[LayerChoice]:
    """Every rate and block; fields that the scheme does not use keep their defaults."""
    fields = FIELDS.get(scheme, ())
    more = config.pattern_rates if scheme == "pattern" else ()
    shared = {name: getattr(config, name) for name in fields if name != "block"}
    for rate in sorted({*config.rates, *more}):
        if rate == 1.0:  # dense, which stands on the menu already
            continue
        for block in config.blocks if "block" in fields else (DENSE.block,):
            yield LayerChoice(scheme, rate, block=block, filter_type=filter_type, **shared)
