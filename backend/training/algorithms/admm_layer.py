"""One pruned layer under ADMM: its constraints, and what it would keep now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import PrunedLayer
from backend.sparsity.schemes.pattern import Pattern
from backend.sparsity.schemes.scheme import best_choice
from backend.sparsity.schemes.structure import BoolArray, FloatArray, IntArray, sum_bands
from backend.training.algorithms.pattern_selection import PatternSelection
from backend.training.algorithms.split import Split


class AdmmLayer:
    """The splits of one layer.

    Pattern layers have two, as in PatDNN (section 4.2) and Ma et al. (ECCV 2020): every kernel
    obeys one pattern of the library, and only so many kernels are not zero. Each has a copy and a
    dual of its own; where the rate is that of the patterns alone there is nothing to disconnect.
    Other schemes have one split with the scheme's own projection.

    Args:
        layer: what to prune, and how.
        weight: the trained parameter.
        relaxed: patterns are learnt by `PatternSelection`, and not chosen by their energy.
    """

    def __init__(self, layer: PrunedLayer, weight: Tensor, *, relaxed: bool = False) -> None:
        self.name = layer.node.name
        self.key = layer.key
        self._layer = layer
        self._shape = tuple(weight.shape)
        self._structure = layer.scheme.structure(self._shape, layer.choice, layer.patterns)
        self.patterns = layer.patterns if self._structure.alternatives is not None else None
        self.selection: PatternSelection | None = None
        if self.patterns is None:
            self.splits = [Split("structure", self._select_structure, weight)]
            return
        if relaxed:
            self.selection = PatternSelection(weight, self.patterns.masks, self._structure.band)
        self.splits = [Split("pattern", self._select_patterns, weight)]
        if not self._select_kernels(np.asarray(weight.detach().cpu())).all():
            self.splits.append(Split("connectivity", self._select_kernels, weight))

    @property
    def is_joint(self) -> bool:
        """Whether what stays is decided together with other layers."""
        return self._layer.scheme.is_joint

    def filter_scores(self, weight: Tensor) -> FloatArray:
        """Mean square of each filter of W + U, (filters,): what joint layers are ranked by."""
        wanted = weight.detach() + self.splits[0].dual
        return np.asarray(wanted.flatten(1).square().mean(1).cpu())

    def take_allowed(self, layer: PrunedLayer) -> None:
        """Go on with what removed filters of this and other layers leave now."""
        self._layer = replace(self._layer, allowed=layer.allowed)

    def penalty(self, weight: Tensor, rho: float) -> Tensor:
        """What the layer adds to the loss."""
        total = self.splits[0].penalty(weight, rho)
        for split in self.splits[1:]:
            total = total + split.penalty(weight, rho)
        if self.selection is not None:
            total = total + self.selection.penalty(rho)
        return total

    def update(self, weight: Tensor, rho: float) -> dict[str, float]:
        """Projections and dual steps; returns residuals by name, for the record."""
        seen: dict[str, float] = {}
        if self.selection is not None:
            seen["selection"] = self.selection.update(rho)
        for split in self.splits:
            residual = split.update(weight)
            seen[split.name] = residual.primal
            seen[f"{split.name}_moved"] = residual.moved
        return seen

    def rescale(self, factor: float) -> None:
        """Rho is multiplied by `factor`."""
        for split in self.splits:
            split.rescale(factor)

    def mask(self) -> BoolArray:
        """What obeys all constraints at once."""
        kept = self.splits[0].kept
        for split in self.splits[1:]:
            kept = kept & split.kept
        return kept

    def pattern_counts(self, weight: Tensor) -> dict[int, int]:
        """Kernels that would take each pattern of the library now; a group's count as many."""
        assert self.patterns is not None
        choice = self._pattern_choice(np.asarray(weight.detach().cpu()))
        rows = sum_bands(np.ones((self._shape[0], 1), np.float32), self._structure.band)
        filters = np.broadcast_to(rows, choice.shape).ravel()
        found = np.bincount(choice.ravel(), filters, minlength=len(self.patterns.patterns))
        return dict(zip(self.patterns.patterns, found.astype(int).tolist(), strict=True))

    def take_library(self, library: PatternSet) -> None:
        """Go on with a part of the library; the next update projects onto it."""
        assert self.patterns is not None
        index = np.array([self.patterns.patterns.index(p) for p in library.patterns], np.int64)
        if self.selection is not None:
            self.selection.keep(index, library.masks)
        self._set_library(library)

    def state(self) -> dict[str, Tensor]:
        """Tensors to go on from."""
        found = {
            f"{split.name}.{key}": value
            for split in self.splits
            for key, value in split.state().items()
        }
        if self.selection is not None:
            found |= {f"selection.{key}": v for key, v in self.selection.state().items()}
        return found

    def load_state(self, state: Mapping[str, Tensor], library: PatternSet | None) -> None:
        """Go on from what `state` gave."""
        if self.patterns is not None and library is not None:
            self._set_library(library)
        for split in self.splits:
            split.load_state(_part(state, split.name))
        if self.selection is not None:
            self.selection.load_state(_part(state, "selection"))

    def _set_library(self, library: PatternSet) -> None:
        self.patterns = library
        self._layer = replace(self._layer, patterns=library)
        self._structure = self._layer.scheme.structure(self._shape, self._layer.choice, library)

    def _select_structure(self, weight: FloatArray) -> BoolArray:
        return np.array(self._layer.mask(weight))

    def _select_patterns(self, weight: FloatArray) -> BoolArray:
        assert self._structure.alternatives is not None
        inside = self._structure.alternatives[self._pattern_choice(weight)]
        filters = np.repeat(inside, self._structure.band, axis=0)[: self._shape[0]]
        return filters.reshape(self._shape)

    def _select_kernels(self, weight: FloatArray) -> BoolArray:
        scheme, patterns = self._layer.scheme, self.patterns
        assert isinstance(scheme, Pattern)
        assert patterns is not None
        allowed, choice = self._layer.allowed, self._layer.choice
        if allowed is None:
            return scheme.nearest_connectivity(weight, choice, patterns)
        inside = np.where(allowed, weight, np.float32(0))
        return scheme.nearest_connectivity(inside, choice, patterns) & allowed

    def _pattern_choice(self, weight: FloatArray) -> IntArray:
        """Index of each kernel's pattern, (bands, channels)."""
        if self.selection is not None:
            return self.selection.choice()
        assert self._structure.alternatives is not None
        energy = sum_bands(weight.reshape(len(weight), -1) ** 2, self._structure.band)
        return best_choice(energy, self._structure.alternatives)


def _part(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    start = f"{name}."
    return {key[len(start) :]: value for key, value in state.items() if key.startswith(start)}
