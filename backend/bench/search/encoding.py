"""How the menu of a net is told to a sampler as Optuna's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from backend.search.problem import Table
from backend.search.space import Space

Labels = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Encoding:
    """Distributions of all layers, and what their values mean.

    Attributes:
        distributions: by layer.
        menus: labels of each layer in the order that numbers of an ordinal encoding count.
    """

    distributions: Mapping[str, BaseDistribution]
    menus: Mapping[str, tuple[str, ...]]

    def labels(self, params: Mapping[str, Any]) -> dict[str, str]:
        """What a trial's parameters choose."""
        return {
            name: params[name] if isinstance(params[name], str) else menu[params[name]]
            for name, menu in self.menus.items()
        }

    def params(self, labels: Labels) -> dict[str, Any]:
        """Parameters that choose these labels."""
        return {
            name: labels[name]
            if isinstance(one, CategoricalDistribution)
            else self.menus[name].index(labels[name])
            for name, one in self.distributions.items()
        }


def categorical(space: Space, cost: Table) -> Encoding:
    """One category a choice, in the order of the menu: nothing is known of what is alike."""
    del cost
    menus = {name: tuple(menu) for name, menu in space.labels.items()}
    return Encoding({name: CategoricalDistribution(menu) for name, menu in menus.items()}, menus)


def ordinal(space: Space, cost: Table) -> Encoding:
    """One whole number a layer: place of the choice among the layer's, by predicted time."""
    menus = {}
    for name, menu in space.labels.items():
        by_time = sorted((cost[name][label], label) for label in menu)
        menus[name] = tuple(label for _, label in by_time)
    return Encoding(
        {name: IntDistribution(0, len(menu) - 1) for name, menu in menus.items()}, menus
    )


CATEGORICAL, ORDINAL = "categorical", "ordinal"
ENCODINGS: Mapping[str, Callable[[Space, Table], Encoding]] = {
    CATEGORICAL: categorical,
    ORDINAL: ordinal,
}
