"""Draws every 3x3 kernel to its best pattern of a library that shrinks while the net is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch
from torch import Tensor

from backend.models.graph_module import GraphModule
from backend.sparsity.patterns.library_schedule import PatternLibrary
from backend.sparsity.patterns.pattern_set import POSITIONS
from backend.training.regulariser import Regulariser

_STAGE = "library"


class PatternPull(Regulariser):
    """rho / 2 times the squared weight outside each kernel's best pattern, all layers together.

    The selection is that of the authors' code: the pattern with the largest norm of the masked
    kernel. Without duals this is a penalty method, the simple stand-in for the papers' ADMM
    (`backend.training.algorithms.admm`), which can use the same library.

    Args:
        library: what shrinks; `library` holds it as it is now.
        every: epochs of a stage; after each the least chosen patterns are dropped.
        rho: weight of the pull at the last stage; it grows tenfold over the run.
        layers: names of the layers that are drawn; all 3x3 convolutions when not given.
    """

    def __init__(
        self,
        library: PatternLibrary,
        *,
        every: int = 1,
        rho: float = 1e-2,
        layers: frozenset[str] | None = None,
    ) -> None:
        self.library = library
        self._every, self._rho, self._layers = every, rho, layers
        self._stages = max(1, len(library.sizes))
        self._weights: list[Tensor] = []
        self._masks = torch.empty(0)

    def begin(self, module: GraphModule) -> None:
        """Find the kernels."""
        keys = (
            node.weights["weight"]
            for node in module.graph.nodes
            if node.op == "conv" and (self._layers is None or node.name in self._layers)
        )
        weights = (module.weight(key) for key in keys)
        self._weights = [weight for weight in weights if weight.shape[2:] == (3, 3)]
        self._take_masks()

    def loss(self, module: GraphModule) -> Tensor | None:
        """See the class."""
        outside = [self._outside(weight) for weight in self._weights]
        if not outside:
            return None
        return 0.5 * self._strength * torch.stack(outside).sum()

    def after_epoch(self, module: GraphModule, epoch: int) -> None:
        """At the end of a stage count the choices and drop the least chosen."""
        if epoch % self._every == 0 and self._weights:
            self.library = self.library.step(self.counts())
            self._take_masks()

    def counts(self) -> dict[int, int]:
        """How many kernels choose each pattern now; kernels of zeros choose none."""
        total = torch.zeros(len(self._masks), dtype=torch.int64)
        for weight in self._weights:
            energies = self._energies(weight.detach())
            chosen = energies.argmax(dim=1)[energies.amax(dim=1) > 0]
            total += torch.bincount(chosen.cpu(), minlength=len(self._masks))
        return dict(zip(self.library.patterns.patterns, total.tolist(), strict=True))

    def facts(self) -> Mapping[str, float]:
        """Patterns left, and the share of squared weight that lies outside them."""
        with torch.no_grad():
            outside = sum(float(self._outside(weight)) for weight in self._weights)
            whole = sum(float(weight.square().sum()) for weight in self._weights)
        return {
            "patterns": float(len(self.library.patterns.patterns)),
            "outside": outside / whole if whole else 0.0,
        }

    def state(self) -> Mapping[str, Tensor]:
        """The library as bytes of JSON."""
        text = json.dumps(self.library.to_state()).encode()
        return {_STAGE: torch.tensor(list(text), dtype=torch.uint8)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take the library over."""
        text = bytes(state[_STAGE].tolist())
        self.library = PatternLibrary.from_state(json.loads(text))
        self._take_masks()

    @property
    def _strength(self) -> float:
        done = min(1.0, len(self.library.stages) / self._stages)
        return float(self._rho * 10.0 ** (done - 1.0))

    def _take_masks(self) -> None:
        masks = torch.from_numpy(self.library.patterns.masks.astype("float32"))
        device = self._weights[0].device if self._weights else masks.device
        self._masks = masks.to(device)

    def _energies(self, weight: Tensor) -> Tensor:
        """(kernels, patterns) squared weight inside each pattern."""
        return weight.reshape(-1, POSITIONS).square() @ self._masks.T

    def _outside(self, weight: Tensor) -> Tensor:
        """Squared weight outside the best patterns; its gradient sees the choice as fixed."""
        inside = self._energies(weight).amax(dim=1).sum()
        return weight.square().sum() - inside
