"""A layer with a filter type in its place, and what schemes can do there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backend.models.filter_types import (
    part_choices_of,
    part_names,
    replace_filter_types,
    why_illegal_choice,
)
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import why_illegal
from backend.sparsity.schemes import SCHEMES
from codegen.ir.graph import Graph
from codegen.ir.node import Node


class ChoiceSite:
    """A layer with a filter type in its place: what schemes can do there.

    A filter type is put into the graph once, without weights, for all schemes and rates.
    """

    def __init__(
        self,
        graph: Graph,
        node: Node,
        filter_type: str,
        pattern_sets: Mapping[str, PatternSet] | None = None,
    ) -> None:
        self.filter_type = filter_type
        self._sets = dict(pattern_sets or {})
        chosen = Candidate.of({node.name: LayerChoice(filter_type=filter_type)})
        self._graph = replace_filter_types(graph, chosen, start=False)[0]
        names = part_names(graph, node, filter_type)
        self._parts = tuple(self._graph.by_name[name] for name in names)
        self._layer = (graph, node)

    def why_not_scheme(self, choice: LayerChoice) -> str | None:
        """Why a part cannot have its share of the scheme, at any rate."""
        reason = why_illegal_choice(*self._layer, choice)
        if reason is not None:
            return reason
        for node, share in self._shares(choice):
            reason = why_illegal(self._graph, node, share.scheme)
            if reason is not None:
                return reason
        return None

    def problem(self, choice: LayerChoice) -> str | None:
        """Why a part cannot have its share of the rate."""
        for node, share in self._shares(choice):
            entries = None
            if share.scheme == "pattern" and share.patterns in self._sets:
                entries = self._sets[share.patterns].entries
            shape = self._graph.weights[node.weights["weight"]].values.shape
            reason = SCHEMES[share.scheme].problem(shape, share, entries)
            if reason is not None:
                return reason
        return None

    def _shares(self, choice: LayerChoice) -> Iterator[tuple[Node, LayerChoice]]:
        shares = part_choices_of(*self._layer, choice, self._sets or None)
        for node, share in zip(self._parts, shares, strict=True):
            if share.scheme != "dense":
                yield node, share
