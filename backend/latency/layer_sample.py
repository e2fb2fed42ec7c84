"""One layer of one measured program: what the regression learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backend.latency.guess import guess_ms
from backend.latency.traits import (
    EDGE,
    Kind,
    Traits,
    after_traits,
    before_traits,
    kind_of,
    own_traits,
)

FLOOR_MS = 1e-4
"""Shorter times count as this: a skipped layer leaves nothing, and a logarithm needs some."""


@dataclass(frozen=True)
class LayerSample:
    """A layer under a choice, between neighbours.

    Attributes:
        signature: shape of the layer.
        label: its choice.
        before: kind of the searched layer before it.
        after: kind of the one behind it.
        ms: measured.
    """

    signature: str
    label: str
    before: Kind
    after: Kind
    ms: float

    @property
    def guess_ms(self) -> float:
        """What was expected without any measurement."""
        return guess_ms(self.signature, self.label)

    @property
    def traits(self) -> Traits:
        """All columns of its row."""
        word = kind_of(self.label).word
        return (
            *own_traits(self.signature, self.label),
            *before_traits(self.signature, word, self.before),
            *after_traits(self.signature, word, self.after),
        )


def samples_of(
    signatures: Mapping[str, str],
    labels: Mapping[str, str],
    layer_ms: Mapping[str, float],
) -> Iterator[LayerSample]:
    """Samples of one program.

    Args:
        signatures: of the searched layers, in the order of the graph.
        labels: choice of each.
        layer_ms: measured, of those that were.
    """
    names = list(signatures)
    kinds = [EDGE, *(kind_of(labels[name]) for name in names), EDGE]
    for index, name in enumerate(names):
        if name not in layer_ms:
            continue
        yield LayerSample(
            signatures[name],
            labels[name],
            kinds[index],
            kinds[index + 2],
            max(layer_ms[name], FLOOR_MS),
        )
