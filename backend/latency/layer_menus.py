"""The menus of a space with everything about them that no measurement changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.latency.traits import Kind, kind_of

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerMenus:
    """Searched layers with their choices.

    Attributes:
        labels: choices of each layer, layers in the order of the graph.
        signatures: shape of each layer.
    """

    labels: Mapping[str, Sequence[str]]
    signatures: Mapping[str, str]

    @property
    def layers(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.labels)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds that occur in any menu."""
        found = {kind_of(label) for menu in self.labels.values() for label in menu}
        return tuple(sorted(found, key=lambda kind: (kind.word, kind.thinning)))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of these kinds."""
        return tuple(dict.fromkeys(kind.word for kind in self.kinds))

    @cached_property
    def kind_indices(self) -> Mapping[str, IntArray]:
        """Index into `kinds` of each choice of each layer."""
        places = {kind: index for index, kind in enumerate(self.kinds)}
        return {
            layer: np.array([places[kind_of(label)] for label in menu])
            for layer, menu in self.labels.items()
        }

    @cached_property
    def word_indices(self) -> Mapping[str, IntArray]:
        """Index into `words` of each choice of each layer."""
        places = {word: index for index, word in enumerate(self.words)}
        return {
            layer: np.array([places[kind_of(label).word] for label in menu])
            for layer, menu in self.labels.items()
        }

    @cached_property
    def places(self) -> Mapping[str, Mapping[str, int]]:
        """Index of each label in its menu."""
        return {
            layer: {label: index for index, label in enumerate(menu)}
            for layer, menu in self.labels.items()
        }

    def rows(self, labels: Sequence[Mapping[str, str]]) -> IntArray:
        """Indices of candidates' choices, (candidates, layers)."""
        places = self.places
        found = [[places[layer][row[layer]] for layer in self.labels] for row in labels]
        return np.array(found, dtype=np.int64).reshape(len(labels), len(self.labels))

    def knows(self, labels: Mapping[str, str]) -> bool:
        """Whether a candidate is one of this space."""
        return all(labels.get(layer) in menu for layer, menu in self.places.items())
