"""A real net at a fidelity: candidates put together from reconstructed layers, then scored."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from backend.bench.accuracy.cell import Fact
from backend.bench.search.evaluation_store import EvaluationStore
from backend.bench.search.net_facts import NetFacts
from backend.bench.search.plan import TRAINED
from backend.bench.search.search_task import Evaluation
from backend.bench.search.setting import ENERGY, STORE
from backend.data.batches import normalise
from backend.models.graph_module import GraphModule
from backend.reconstruction.layer_moments import LayerMoments
from backend.reconstruction.reconstruct import Reconstructor
from backend.reconstruction.stitch import stitch
from backend.reconstruction.store import STORE_VERSION, LayerStore
from backend.search.layer_edges import layer_edges
from backend.search.problem import Problem, Table
from backend.search.tables import reconstructed_damage
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.training.classifier import train_classifier
from backend.training.evaluate import preprocessing_of
from backend.training.recipe import Distillation, Recipe
from backend.training.teacher import TeacherScores, teacher_scores
from codegen.ir.graph import Graph

VERSION = 1
"""Part of every key: raise it when evaluations come out differently."""

NORM_IMAGES = 64
"""Training images on which a stitched net measures its batch norm."""

_BATCH = 100
_LEARNING_RATE = 0.015


class NetTask:
    """One net at one fidelity, with stores on disk that all processes share.

    Scores are computed in bfloat16, which the matrix units of server processors take at twice
    the speed; cross-entropy of the scores in float32.

    Args:
        facts: the net, its space and its tables.
        fidelity: STITCHED, or TRAINED: one short epoch with distillation from there.
        told: budget that samplers are told.
        floor: accuracy of the reference point; samplers are told it.
        folder: of the stores.
    """

    def __init__(
        self, facts: NetFacts, fidelity: str, told: int, floor: float, folder: Path
    ) -> None:
        self._net = facts
        self._fidelity = fidelity
        self._told = told
        self._floor = floor
        self._folder = folder

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        """What decides evaluations and proposals."""
        table = self._net.table
        text = "" if table is None else table.to_json()
        return {
            **self._evaluator,
            "space": self._net.space.digest,
            "latency": hashlib.sha256(text.encode()).hexdigest()[:16] if text else "guessed",
            "floor": self._floor,
        }

    @cached_property
    def _evaluator(self) -> dict[str, Fact]:
        plan = self._net.plan
        facts: dict[str, Fact] = {
            "version": VERSION,
            "graph": self._net.graph.digest,
            "data": self._net.data.digest,
            "patterns": hashlib.sha256(
                repr([s.patterns for s in self._net.pattern_sets.values()]).encode()
            ).hexdigest()[:16],
            "reconstruction": STORE_VERSION,
            "validation_images": plan.validation_images,
            "calibration_images": plan.calibration_images,
            "norm_images": NORM_IMAGES,
        }
        if self._fidelity == TRAINED:
            facts["train_images"] = plan.train_images
        return facts

    @cached_property
    def dense(self) -> Evaluation:
        """The dense net; at TRAINED trained as long as every candidate."""
        found = self._accuracies.get("dense")
        if found is None:
            found = self._judged_dense
            self._accuracies.put("dense", found)
        labels = dict.fromkeys(self._net.space.layers, "dense")
        return replace(found, latency_ms=self._net.latency.predict_ms(labels))

    @cached_property
    def problem(self) -> Problem:
        """What samplers are told; the damage table comes apart, since it costs something."""
        net = self._net
        latency = net.latency
        return Problem(
            space=net.space,
            damage={},
            cost=latency.unary,
            budget=self._told,
            dense_accuracy=self.dense.accuracy,
            dense_latency_ms=self.dense.latency_ms,
            latency=latency,
            dense_cross_entropy=self.dense.cross_entropy,
            reference_accuracy=self._floor,
            edges=layer_edges(net.graph, net.space.layers),
        )

    def damage(self, name: str) -> Table:
        """Removed energy, or the errors of reconstructed layers; the store is filled for that."""
        energy = self._net.timed_damage[0]
        if name == ENERGY:
            return energy
        self._fill()
        return reconstructed_damage(energy, self._store.reports())

    def table_seconds(self, name: str) -> float:
        """CPU seconds of a table; that of the store is the reconstruction of every choice."""
        if name == ENERGY:
            return self._net.timed_damage[1]
        if name == STORE:
            self._fill()
            return sum(self._layer_seconds.values())
        return self._net.latency_seconds

    def evaluate(self, labels: Mapping[str, str]) -> Evaluation:
        """Accuracy by the fidelity, latency from the table."""
        candidate = self._net.space.candidate(labels)
        found = self._accuracies.get(candidate.digest)
        if found is None:
            for layer, choice in candidate.choices:  # not this candidate's own time
                self._reconstructor.get(layer, choice)
            found = self._judged_candidate(candidate)
            self._accuracies.put(candidate.digest, found)
        return replace(found, latency_ms=self._net.latency.predict_ms(labels))

    def stitched(self, candidate: Candidate) -> Graph:
        """A candidate's net before any training."""
        return stitch(
            self._net.graph,
            candidate,
            self._store,
            self._images[:NORM_IMAGES],
            pattern_sets=self._net.pattern_sets,
            reconstructor=self._reconstructor,
        )

    def layer_seconds(self, layer: str, label: str) -> float:
        """CPU seconds of one reconstruction."""
        if LayerChoice.parse(label).is_dense:
            return 0.0
        key = (layer, label)
        if key not in self._layer_seconds:
            made = self._reconstructor.get(layer, LayerChoice.parse(label))
            self._layer_seconds[key] = made.seconds
        return self._layer_seconds[key]

    # How it is computed

    def _judged_candidate(self, candidate: Candidate) -> Evaluation:
        _ = self._judged_dense  # before the clock runs
        begun = time.process_time()
        graph = self.stitched(candidate)
        found = self._judged(graph)
        return replace(found, seconds=time.process_time() - begun)

    @cached_property
    def _judged_dense(self) -> Evaluation:
        """In this process: what its first training sets up, and the teacher's scores, are free."""
        return self._judged(self._net.graph)

    def _judged(self, graph: Graph) -> Evaluation:
        begun = time.process_time()
        if self._fidelity == TRAINED:
            graph = self._trained(graph)
        accuracy, cross_entropy = self._score(graph)
        return Evaluation(accuracy, cross_entropy, 0.0, time.process_time() - begun)

    def _trained(self, graph: Graph) -> Graph:
        recipe = Recipe(
            epochs=1, batch=64, learning_rate=_LEARNING_RATE, seed=0, distillation=Distillation()
        )
        indices = self._net.split.train_indices[: self._net.plan.train_images]
        trained = train_classifier(graph, self._net.data, indices, recipe, teacher=self._teacher)
        return reestimate_batch_norm(trained.graph, self._images[:NORM_IMAGES])

    @torch.inference_mode()
    def _score(self, graph: Graph) -> tuple[float, float]:
        module = GraphModule(graph, channels_last=True).eval().to(torch.bfloat16)
        images, labels = self._scored
        starts = range(0, len(images), _BATCH)
        parts = [module(images[start : start + _BATCH]) for start in starts]
        scores = torch.cat(parts).flatten(1).float()
        right = int((scores.argmax(1) == labels).sum())
        return right / len(labels), float(torch.nn.functional.cross_entropy(scores, labels))

    @cached_property
    def _scored(self) -> tuple[Tensor, Tensor]:
        indices = self._net.split.validation_indices[: self._net.plan.validation_images]
        pixels = torch.from_numpy(self._net.data.train_images[indices])
        images = normalise(pixels, preprocessing_of(self._net.graph))
        labels = torch.from_numpy(self._net.data.train_labels[indices])
        return images.to(torch.bfloat16, memory_format=torch.channels_last), labels.long()

    @cached_property
    def _teacher(self) -> TeacherScores:
        indices = self._net.split.train_indices[: self._net.plan.train_images]
        return teacher_scores(self._net.graph, self._net.data.train_images[indices])

    @cached_property
    def _images(self) -> Tensor:
        """For moments and batch norm: normalised, float (n, c, h, w)."""
        indices = self._net.split.train_indices[: self._net.plan.calibration_images]
        pixels = torch.from_numpy(self._net.data.train_images[indices])
        return normalise(pixels, preprocessing_of(self._net.graph))

    @cached_property
    def _store(self) -> LayerStore:
        return LayerStore(self._folder / "layers" / _key(self._evaluator, without="train_images"))

    @cached_property
    def _reconstructor(self) -> Reconstructor:
        moments = LayerMoments(self._net.graph, self._store, lambda: self._images)
        return Reconstructor(self._net.graph, self._store, moments, self._net.pattern_sets)

    @cached_property
    def _accuracies(self) -> EvaluationStore:
        return EvaluationStore(self._folder / "evaluations" / _key(self._evaluator))

    @cached_property
    def _layer_seconds(self) -> dict[tuple[str, str], float]:
        return {}

    def _fill(self) -> None:
        """Reconstruct every choice of every layer that is not there yet."""
        for layer, menu in self._net.space.menus:
            for choice in menu:
                self.layer_seconds(layer, choice.label)


def _key(facts: Mapping[str, Fact], without: str = "") -> str:
    kept = {name: value for name, value in facts.items() if name != without}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:20]
