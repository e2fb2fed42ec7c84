"""What samples say of layers, with the times of all choices that follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from backend.latency.chain import Chain
from backend.latency.layer_fit import LayerFit
from backend.latency.layer_menus import LayerMenus
from backend.latency.layer_sample import LayerSample


@dataclass(frozen=True, eq=False)
class LayerTimes:
    """A fit and its chain, worked out once for all learners that know the same samples.

    End-to-end times of more candidates leave it as it is, and they are most of what a search
    measures.
    """

    menus: LayerMenus
    fit: LayerFit

    @cached_property
    def chain(self) -> Chain:
        """Times of all choices and of neighbouring pairs."""
        return Chain.of(self.menus, self.fit.law())

    def extended(self, samples: Iterable[LayerSample]) -> LayerTimes:
        """With more samples."""
        fit = self.fit.extended(samples)
        return self if fit is self.fit else LayerTimes(self.menus, fit)
