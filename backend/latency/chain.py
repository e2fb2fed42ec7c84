"""Times of all choices and of all neighbouring pairs, by a law of layer times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.latency.guess import guess_ms
from backend.latency.layer_fit import LayerLaw
from backend.latency.layer_menus import IntArray, LayerMenus
from backend.latency.traits import EDGE, after_traits, before_traits, own_traits

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chain:
    """A net as a chain of its searched layers.

    Attributes:
        menus: layers and choices.
        own: milliseconds of each choice of each layer, neighbours aside.
        behind: for each layer but the first, (choices of the layer before, its choices): what the
            layer takes more because of the one before; negative behind removed filters.
        ahead: for each layer but the last, (its choices, choices of the next): what the layer
            takes more because of the one behind it, which may want another layout.
    """

    menus: LayerMenus
    own: Mapping[str, FloatArray]
    behind: Mapping[str, FloatArray]
    ahead: Mapping[str, FloatArray]

    @classmethod
    def of(cls, menus: LayerMenus, law: LayerLaw) -> Chain:
        """Apply a law to every choice; factors become differences, products of two are left out."""
        own, behind, ahead = {}, {}, {}
        names = menus.layers
        kinds, words = menus.kinds, menus.words
        for place, name in enumerate(names):
            signature = menus.signatures[name]
            mine = menus.word_indices[name]
            before = np.exp(
                [[law.effect(before_traits(signature, w, k)) for w in words] for k in kinds]
            )
            after = np.exp(
                [[law.effect(after_traits(signature, w, k)) for k in kinds] for w in words]
            )
            times = np.array([_own_ms(menus, law, name, label) for label in menus.labels[name]])
            if place == 0:
                edges = [law.effect(before_traits(signature, w, EDGE)) for w in words]
                times = times * np.exp(edges)[mine]
            if place == len(names) - 1:
                edges = [law.effect(after_traits(signature, w, EDGE)) for w in words]
                times = times * np.exp(edges)[mine]
            own[name] = times
            if place:
                theirs = menus.kind_indices[names[place - 1]]
                behind[name] = (before[theirs][:, mine] - 1.0) * times[None, :]
            if place < len(names) - 1:
                theirs = menus.kind_indices[names[place + 1]]
                ahead[name] = (after[mine][:, theirs] - 1.0) * times[:, None]
        return cls(menus, own, behind, ahead)

    def layer_ms(self, rows: IntArray) -> FloatArray:
        """Milliseconds of each layer of some candidates, (candidates, layers); never negative."""
        names = self.menus.layers
        found = np.zeros(rows.shape)
        for place, name in enumerate(names):
            mine = rows[:, place]
            found[:, place] = self.own[name][mine]
            if place:
                found[:, place] += self.behind[name][rows[:, place - 1], mine]
            if place < len(names) - 1:
                found[:, place] += self.ahead[name][mine, rows[:, place + 1]]
        return found

    def by_word(self, rows: IntArray) -> FloatArray:
        """The same summed by the layers' kinds, (candidates, words)."""
        times = self.layer_ms(rows)
        found = np.zeros((len(rows), len(self.menus.words)))
        for place, name in enumerate(self.menus.layers):
            words = self.menus.word_indices[name][rows[:, place]]
            np.add.at(found, (np.arange(len(rows)), words), times[:, place])
        return found

    def scaled(self, factors: FloatArray) -> Chain:
        """Every choice's times multiplied by the factor of its word."""
        mine = {name: factors[index] for name, index in self.menus.word_indices.items()}
        return Chain(
            self.menus,
            {name: times * mine[name] for name, times in self.own.items()},
            {name: times * mine[name][None, :] for name, times in self.behind.items()},
            {name: times * mine[name][:, None] for name, times in self.ahead.items()},
        )

    @cached_property
    def pairs(self) -> Mapping[tuple[str, str], FloatArray]:
        """For each two neighbours, (choices, choices of the next): both effects together."""
        names = self.menus.layers
        return {
            (first, second): self.ahead[first] + self.behind[second]
            for first, second in zip(names, names[1:], strict=False)
        }


def _own_ms(menus: LayerMenus, law: LayerLaw, layer: str, label: str) -> float:
    signature = menus.signatures[layer]
    log = law.own(signature, label, own_traits(signature, label))
    return guess_ms(signature, label) * float(np.exp(log))
