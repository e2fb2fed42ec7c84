"""A net with its time: what a latency model learns from while a search measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Measured(Protocol):
    """A finished trial, as far as latency goes."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Choice of every searched layer."""

    @property
    def latency_ms(self) -> float:
        """End to end, in the clock of the search's dense net."""

    @property
    def layer_ms(self) -> Mapping[str, float]:
        """By step of the program; may be empty."""


@dataclass(frozen=True)
class MeasuredNet:
    """A measured candidate, or the dense net; see `Measured`."""

    labels: Mapping[str, str]
    latency_ms: float
    layer_ms: Mapping[str, float]


@dataclass(frozen=True)
class Whole:
    """A candidate with its end-to-end time."""

    labels: Mapping[str, str]
    latency_ms: float
