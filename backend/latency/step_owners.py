"""Which searched layer a step of a program belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codegen.ir.graph import Graph
from codegen.ir.passes import optimize


@dataclass(frozen=True)
class StepOwners:
    """Searched layers and what else counts for them.

    A filter type puts several layers in one's place, named `<layer>.dw` and the like. What the
    dense program does together with a layer (an activation, an addition) becomes a step by itself
    where the layer is skipped, and still is that layer's time.

    Attributes:
        layers: searched layers, in the order of the graph.
        fused: node that the dense program has no step for, to the searched layer before it.
    """

    layers: tuple[str, ...]
    fused: Mapping[str, str]

    @classmethod
    def of(cls, graph: Graph, layers: Iterable[str]) -> StepOwners:
        """Owners for a dense net."""
        names = tuple(layers)
        stays = set(optimize(graph).by_name)
        fused: dict[str, str] = {}
        owner = None
        for node in graph.nodes:
            if node.name in names:
                owner = node.name
            elif node.name in stays:
                owner = None  # a layer of its own: what follows it is not the searched one's
            elif owner is not None:
                fused[node.name] = owner
        return cls(names, fused)

    def owner(self, step: str) -> str | None:
        """The searched layer a step's time counts for, or None."""
        if step in self.fused:
            return self.fused[step]
        name = step
        while name:
            if name in self._known:
                return name
            name = name.rpartition(".")[0]
        return None

    def layer_ms(self, step_ms: Mapping[str, float]) -> dict[str, float]:
        """Times of steps added up by searched layer; nothing where no step was measured."""
        if not step_ms:
            return {}
        found = dict.fromkeys(self.layers, 0.0)
        for step, ms in step_ms.items():
            owner = self.owner(step)
            if owner is not None:
                found[owner] += ms
        return found

    @property
    def _known(self) -> frozenset[str]:
        return frozenset(self.layers)
