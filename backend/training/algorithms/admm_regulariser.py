"""ADMM as what the trainer adds to its loss and does after its steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backend.models.graph_module import GraphModule
from backend.sparsity.patterns.library_schedule import PatternLibrary
from backend.sparsity.prune import PrunedLayer
from backend.sparsity.schemes.structure import BoolArray, FloatArray
from backend.training.algorithms.admm_layer import AdmmLayer
from backend.training.algorithms.admm_settings import AdmmSettings, saw_tooth
from backend.training.regulariser import Regulariser
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

Rank = Callable[[Mapping[str, FloatArray]], Iterable[PrunedLayer]]


@dataclass
class _Course:
    """Where ADMM stands, beside its tensors."""

    rho: float
    updates: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0


class AdmmRegulariser(Regulariser):
    """Pattern library, pattern selection, connectivity and weights, all in one training.

    The trainer's steps are the W-step, on f + sum rho / 2 ||W - Z + U||^2 + sum rho / 2
    ||W - Y + V||^2 (PatDNN, ASPLOS 2020, and Ma et al., ECCV 2020). Some times in every stage come
    the projections and the dual steps. From stage to stage rho changes, and U and V are rescaled
    with it, so that the multipliers rho U stay what they were; public code leaves them as they are.

    Args:
        layers: what to prune.
        settings: of ADMM.
        rhos: of the stages.
        steps: of the training that this goes along with.
        library: shrinks during training and takes the place of the plan's pattern sets; None
            leaves these.
        rank: lists the layers again by scores of filters, for schemes whose layers are decided
            together; None keeps what they were ranked by before training.
    """

    def __init__(
        self,
        layers: Iterable[PrunedLayer],
        settings: AdmmSettings,
        rhos: tuple[float, ...],
        steps: int,
        library: PatternLibrary | None = None,
        rank: Rank | None = None,
    ) -> None:
        self._pruned = tuple(layers)
        self._rank = rank
        self._settings = settings
        self._rhos = rhos
        self._steps = max(1, steps)
        self.library = library
        self._shrinks = 0 if library is None else len(library.sizes)
        self._course = _Course(rhos[0])
        self._scale = 1.0
        self.layers: tuple[AdmmLayer, ...] = ()
        self.history: list[dict[str, Any]] = []

    def begin(self, module: GraphModule) -> None:
        """Make copies and duals of the weights that the training starts from."""
        relaxed = self._settings.selection == "simplex"
        self.layers = tuple(
            AdmmLayer(layer, module.weight(layer.key), relaxed=relaxed) for layer in self._pruned
        )
        for layer in self.layers:
            if layer.selection is not None:
                module.reparametrise(layer.key, layer.selection.seen)

    def place(self, step: int, steps: int) -> tuple[int, int]:
        """The saw-tooth: the learning rate's schedule starts anew with every stage."""
        if self._settings.saw_tooth:
            return saw_tooth(step, steps, len(self._rhos))
        return step, steps

    def loss(self, module: GraphModule) -> Tensor | None:
        """The penalties of all layers."""
        rho = self._course.rho
        parts = [layer.penalty(module.weight(layer.key), rho) for layer in self.layers]
        return torch.stack(parts).sum() if parts else None

    def observe(self, loss: float, scale: float) -> None:
        """Take f of a step into the mean that the next update's record shows."""
        self._scale = scale
        self._course.loss_sum += loss
        self._course.loss_count += 1

    def after_step(self, module: GraphModule, step: int) -> None:
        """Step z; now and then project and step the duals."""
        rate = self._settings.selection_rate
        for layer in self.layers:
            if layer.selection is not None:
                layer.selection.step(rate, self._course.rho, self._scale)
        total = len(self._rhos) * self._settings.updates
        due = min(total, step * total // self._steps)
        if due > self._course.updates:
            self._course.updates = due
            self._update(module, step, due / total)

    def _update(self, module: GraphModule, step: int, share: float) -> None:
        self._shrink_library(module, share)
        self._rank_filters(module)
        course, each = self._course, self._settings.updates
        residuals = {
            layer.name: layer.update(module.weight(layer.key), course.rho) for layer in self.layers
        }
        self.history.append(
            {
                "update": course.updates,
                "step": step,
                "stage": (course.updates - 1) // each + 1,
                "rho": course.rho,
                "loss": course.loss_sum / max(1, course.loss_count),
                "library": self._library_size(),
                "layers": residuals,
            }
        )
        course.loss_sum, course.loss_count = 0.0, 0
        rho = self._rhos[min(course.updates // each, len(self._rhos) - 1)]
        if rho != course.rho:
            for layer in self.layers:
                layer.rescale(rho / course.rho)
            course.rho = rho

    def _shrink_library(self, module: GraphModule, share: float) -> None:
        """Drop the patterns that kernels choose least, all layers counted together."""
        drawn = [layer for layer in self.layers if layer.patterns is not None]
        if self.library is None or not drawn:
            return
        done = len(self.library.stages)
        while done < self._shrinks and share * (self._shrinks + 1) >= done + 1:
            counts: dict[int, int] = {}
            for layer in drawn:
                for pattern, count in layer.pattern_counts(module.weight(layer.key)).items():
                    counts[pattern] = counts.get(pattern, 0) + count
            self.library = self.library.step(counts)
            for layer in drawn:
                layer.take_library(self.library.patterns)
            done += 1

    def _rank_filters(self, module: GraphModule) -> None:
        """The joint part of the projection: which filters of coupled layers stay."""
        joint = [layer for layer in self.layers if layer.is_joint]
        if self._rank is None or not joint:
            return
        scores = {layer.name: layer.filter_scores(module.weight(layer.key)) for layer in joint}
        fresh = {layer.node.name: layer for layer in self._rank(scores)}
        for layer in self.layers:
            layer.take_allowed(fresh[layer.name])

    def _library_size(self) -> int | None:
        sizes = [len(layer.patterns.patterns) for layer in self.layers if layer.patterns]
        return max(sizes, default=None)

    def finish(self, graph: Graph) -> tuple[Graph, dict[str, BoolArray]]:
        """The trained graph with z folded into its weights, and the hard mask of each layer.

        Args:
            graph: what the training returned.

        Returns:
            The graph, without masks on these layers, and masks by weight key.
        """
        folded, masks = {}, {}
        for layer in self.layers:
            weight = graph.weights[layer.key].values.copy()
            if layer.selection is not None:
                weight = layer.selection.folded(weight)
            folded[layer.key] = Weight(weight)
            masks[layer.key] = layer.mask()
        return graph.with_weights(folded), masks

    def facts(self) -> Mapping[str, float]:
        """Mean residuals of the last update, for the epoch's line."""
        if not self.history:
            return {}
        last = self.history[-1]
        return {"rho": last["rho"], **mean_residuals(last)}

    def state(self) -> Mapping[str, Tensor]:
        """Copies, duals, z, u and mu of every layer; counters, history and library as JSON."""
        course = self._course
        notes = {
            "course": [course.rho, course.updates, course.loss_sum, course.loss_count],
            "history": self.history,
            "library": None if self.library is None else self.library.to_state(),
        }
        text = np.frombuffer(json.dumps(notes).encode(), dtype=np.uint8).copy()
        tensors = {
            f"{number}.{key}": value
            for number, layer in enumerate(self.layers)
            for key, value in layer.state().items()
        }
        return {"notes": torch.from_numpy(text), **tensors}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        notes = json.loads(state["notes"].numpy().tobytes())
        rho, updates, loss_sum, loss_count = notes["course"]
        self._course = _Course(rho, updates, loss_sum, loss_count)
        self.history = notes["history"]
        patterns = None
        if notes["library"] is not None:
            self.library = PatternLibrary.from_state(notes["library"])
            patterns = self.library.patterns
        for number, layer in enumerate(self.layers):
            start = f"{number}."
            own = {key[len(start) :]: v for key, v in state.items() if key.startswith(start)}
            layer.load_state(own, patterns)


def mean_residuals(update: Mapping[str, Any]) -> dict[str, float]:
    """Mean over the layers of each residual of one update."""
    values: dict[str, list[float]] = {}
    for layer in update["layers"].values():
        for name, value in layer.items():
            values.setdefault(name, []).append(value)
    return {name: sum(found) / len(found) for name, found in values.items()}
