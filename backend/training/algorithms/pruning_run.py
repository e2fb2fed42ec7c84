"""One pruning run: its inputs, and the steps that algorithms are put together from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.calibration import Calibration
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import check_candidate, prune_graph
from backend.sparsity.repair import Repaired, repair_layers
from backend.sparsity.replaced_calibration import replace_in_calibration
from backend.training.algorithms.settings import PruneSettings
from backend.training.calibration import calibrate_on
from backend.training.classifier import train_classifier
from backend.training.errors import TrainingError
from backend.training.history import Progress, Trained
from backend.training.recipe import Recipe
from backend.training.regulariser import Regulariser
from backend.training.teacher import TeacherScores
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

OnPhase = Callable[[str, int, int], None]
"""Called with (phase, steps done, all steps)."""


@dataclass(frozen=True, eq=False)
class PruningRun:
    """What an algorithm gets.

    Attributes:
        graph: the dense net, with preprocessing.
        candidate: what to prune.
        data: where the images come from.
        indices: training images to use, (n,).
        settings: how.
        teacher: the dense net, or its scores on exactly these images; `graph` when not given.
        pattern_sets: by name; the shipped ones when not given.
        calibration: of `graph`, where many candidates are pruned.
        repaired: what pruning and repairing `graph` gives, where it was done before.
        validation: training images that were kept back, to judge the last training on.
        folder: where checkpoints are; a run with the same inputs goes on from them. The caller
            deletes it.
        on_phase: told what is being done.
        on_pruned: given the graph with its final masks, before its last training.
        should_stop: asked before each step of training.
    """

    graph: Graph
    candidate: Candidate
    data: ImageData
    indices: Indices
    settings: PruneSettings = PruneSettings()
    teacher: Graph | TeacherScores | None = None
    pattern_sets: Mapping[str, PatternSet] | None = None
    calibration: Calibration | None = None
    repaired: Repaired | None = None
    validation: Indices | None = None
    folder: Path | None = None
    on_phase: OnPhase | None = None
    on_pruned: Callable[[Graph], None] | None = None
    should_stop: Callable[[], bool] | None = None

    def say(self, phase: str, done: int = 0, total: int = 1) -> None:
        """Tell what is being done."""
        if self.on_phase is not None:
            self.on_phase(phase, done, total)

    def claim_folder(self, algorithm: str) -> None:
        """Make the checkpoints' folder this run's, or find that it is.

        Raises:
            TrainingError: it holds the checkpoints of another run.
        """
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        note = self.folder / "run.json"
        digest = self._digest(algorithm)
        if not note.exists():
            note.write_text(json.dumps({"run": digest, "algorithm": algorithm}))
            return
        try:
            found = json.loads(note.read_text())["run"]
        except (ValueError, KeyError, TypeError, OSError):
            found = None
        if found != digest:
            msg = (
                f"the folder {str(self.folder)!r} holds the checkpoints of another run (another "
                "model, plan, data set or settings): delete it, or name another"
            )
            raise TrainingError(msg)

    def _digest(self, algorithm: str) -> str:
        sets = self.pattern_sets or {}
        facts = {
            "algorithm": algorithm,
            "graph": self.graph.digest,
            "candidate": self.candidate.digest,
            "data": self.data.digest,
            "indices": hashlib.sha256(np.ascontiguousarray(self.indices).tobytes()).hexdigest(),
            "settings": asdict(self.settings),
            "patterns": {name: found.patterns for name, found in sorted(sets.items())},
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def with_filter_types(self, *, is_refitted: bool) -> PruningRun:
        """The run on the net that the candidate's filter types make of the dense one.

        The dense net stays the teacher, and what its layers made stays what the repair aims at.

        Args:
            is_refitted: whether the new layers are refitted at once, for whoever trains before
                masks are chosen; else the first repair does both.

        Raises:
            PlanError: a filter type does not fit its layer.
        """
        if not self.candidate.has_filter_types:
            return self
        check_candidate(self.graph, self.candidate, self.pattern_sets)
        self.say("put filter types in place")
        calibration, candidate = replace_in_calibration(
            self._calibrated(self.graph), self.candidate, self.pattern_sets
        )
        graph, teacher = calibration.graph, self.graph if self.teacher is None else self.teacher
        made = replace(self, graph=graph, candidate=candidate, teacher=teacher)
        if not is_refitted or not self.settings.repair:
            return replace(made, calibration=calibration)
        repaired = repair_layers(graph, Candidate(), calibration=calibration)
        return replace(made, graph=repaired.graph, calibration=None)

    def _is_started(self, graph: Graph) -> bool:
        """Whether layers of the graph still are no more than a start."""
        calibration = self.calibration
        return graph is self.graph and calibration is not None and bool(calibration.started)

    def prune(self, graph: Graph, candidate: Candidate) -> Repaired:
        """Choose masks by the criterion and refit, or measure batch norm anew.

        Raises:
            PlanError: the candidate does not fit the graph, or there is no such criterion.
        """
        settings = self.settings
        if self.repaired is not None and (graph, candidate) == (self.graph, self.candidate):
            return self.repaired
        if not candidate.choices and not self._is_started(graph):
            return Repaired(graph)
        self.say("choose masks and repair" if settings.repair else "choose masks")
        if not settings.repair and settings.criterion == "magnitude":
            masked = prune_graph(graph, candidate, pattern_sets=self.pattern_sets)
            return Repaired(self.measure_batch_norm(masked))
        repaired = repair_layers(
            graph,
            candidate,
            select=settings.criterion,
            pattern_sets=self.pattern_sets,
            calibration=self._calibrated(graph),
            labels=self._labels() if settings.with_labels else None,
        )
        if settings.repair:
            return repaired
        # some criteria judge inside the repair's walk: its masks are taken, not its weights
        masks = {
            key: Weight(weight.values, repaired.graph.weights[key].mask)
            for key, weight in graph.weights.items()
        }
        told = tuple(replace(layer, error=None) for layer in repaired.layers)
        return Repaired(self.measure_batch_norm(graph.with_weights(masks)), told)

    def refit(self, dense: Graph, masked: Graph, candidate: Candidate) -> Repaired:
        """Refit the kept weights of a masked graph to what a dense one with its weights makes.

        Args:
            dense: the weights before masks.
            masked: the same weights with the candidate's masks; they are kept.
            candidate: says how filters share supports.
        """
        zeroed = {
            key: replace(weight, values=weight.values * weight.mask)
            for key, weight in masked.weights.items()
            if weight.mask is not None
        }
        self.say("repair")
        # the largest of weights that are zero outside the masks are the masks
        return repair_layers(
            masked.with_weights(zeroed),
            candidate,
            select="magnitude",
            pattern_sets=self.pattern_sets,
            calibration=self._calibrated(dense),
        )

    def measure_batch_norm(self, graph: Graph) -> Graph:
        """Replace batch-norm statistics by those of the repair's images."""
        self.say("measure batch norm")
        return reestimate_batch_norm(graph, self._calibrated(self.graph).images)

    def _calibrated(self, graph: Graph) -> Calibration:
        if graph is self.graph and self.calibration is not None:
            return self.calibration
        count = self.settings.repair_images
        return calibrate_on(graph, self.data.train_images[self.indices[:count]])

    def _labels(self) -> Tensor:
        indices = self.indices[: self.settings.repair_images]
        return torch.from_numpy(self.data.train_labels[indices])

    def portion(self, share: float) -> Portion:
        """A share of all training: whole epochs, each over as many images as that leaves."""
        epochs = self.settings.recipe.epochs * share
        whole = max(1, ceil(epochs - 1e-9))
        count = round(len(self.indices) * epochs / whole)
        return Portion(whole, max(min(2, len(self.indices)), min(count, len(self.indices))))

    def train(
        self,
        name: str,
        graph: Graph,
        portion: Portion,
        *,
        regulariser: Regulariser | None = None,
        is_last: bool = False,
        seed: int = 0,
    ) -> Trained:
        """Train with masks held; from its checkpoint where there is one.

        Args:
            name: of the training: what progress and checkpoint are called.
            graph: where it starts.
            portion: epochs and images.
            regulariser: what is added.
            is_last: its result is what the user gets: only here does the running mean of weights
                stand in for them, and do validation and patience stop.
            seed: added to the recipe's.

        Raises:
            StoppedError: the run was asked to stop; its checkpoint is written.
            TrainingError: training broke down, or the folder is of another run.
        """
        if is_last and self.on_pruned is not None:
            self.on_pruned(graph)
        recipe = self._recipe(portion, seed, is_last=is_last)
        indices, teacher = self._part(portion.images, recipe.seed)

        def tell(at: Progress) -> None:
            if at.ended is None:
                self.say(name, at.step, at.steps)

        return train_classifier(
            graph,
            self.data,
            indices,
            recipe,
            teacher=teacher if recipe.distillation is not None else None,
            validation=self.validation if is_last else None,
            regulariser=regulariser,
            checkpoint=None if self.folder is None else self.folder / f"{name}.safetensors",
            on_progress=tell,
            should_stop=self.should_stop,
        )

    def _recipe(self, portion: Portion, seed: int, *, is_last: bool) -> Recipe:
        recipe = self.settings.recipe
        if not is_last:
            recipe = replace(recipe, average=0.0, patience=0)
        return replace(recipe, epochs=portion.epochs, seed=recipe.seed + seed)

    def _part(self, count: int, seed: int) -> tuple[Indices, Graph | TeacherScores]:
        """Some of the images, drawn at random, with the teacher's scores of them."""
        teacher = self.graph if self.teacher is None else self.teacher
        if count >= len(self.indices):
            return self.indices, teacher
        drawn = np.sort(np.random.default_rng(seed).permutation(len(self.indices))[:count])
        if isinstance(teacher, TeacherScores):
            index = torch.from_numpy(drawn)
            teacher = TeacherScores(teacher.plain[index], teacher.mirrored[index])
        return self.indices[drawn], teacher


@dataclass(frozen=True)
class Portion:
    """Part of a run's training.

    Attributes:
        epochs: whole ones.
        images: of each epoch.
    """

    epochs: int
    images: int


def told_repair(repaired: Repaired) -> list[dict[str, Any]]:
    """What the repair did to each layer, for the history."""
    return [asdict(layer) for layer in repaired.layers]


def told(name: str, portion: Portion, trained: Trained) -> dict[str, Any]:
    """A training's entry in the history."""
    return {
        "name": name,
        "epochs": portion.epochs,
        "images": portion.images,
        "best_epoch": trained.best_epoch,
        "notes": list(trained.notes),
        "history": [asdict(epoch) for epoch in trained.history],
    }
