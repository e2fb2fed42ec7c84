"""Turns a candidate into a trained graph, its accuracy and a built package (needs torch)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from backend.config.rungs import STITCHED, label_of
from backend.config.search_file import Training
from backend.data.batches import normalise
from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.data.splits import Indices, Split, split_validation
from backend.models.filter_types import replaced_parts
from backend.reconstruction.composite_starts import composite_starts
from backend.reconstruction.layer_moments import LayerMoments
from backend.reconstruction.reconstruct import Reconstructor
from backend.reconstruction.stitch import stitch
from backend.reconstruction.store import RECONSTRUCTION_IMAGES, LayerStore
from backend.search.candidate_files import build_candidate
from backend.search.executor import Handler
from backend.search.results import EVALUATION_FILE, GRAPH_FILE, read_evaluation
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.calibration import Calibration, calibrate
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.repair import LayerRepair, Repaired
from backend.sparsity.report import achieved, overall_rate
from backend.storage.artifacts import write_whole
from backend.training.algorithms import ALGORITHMS
from backend.training.algorithms.pruned import Pruned
from backend.training.algorithms.pruning_run import PruningRun
from backend.training.evaluate import evaluate, preprocessing_of
from backend.training.teacher import TeacherScores, teacher_scores
from codegen.ir.graph import Graph
from codegen.ir.macs import nonzero_macs
from codegen.ir.storage import load_graph, save_graph
from codegen.targets.registry import load_target

CHECK_IMAGES = 3
"""Validation images whose outputs are compared beyond the package's own self-test."""


def make_handlers(setup: Mapping[str, Any]) -> Mapping[str, Handler]:
    """The task kinds of an evaluator process."""
    torch.set_num_threads(1)
    evaluator = Evaluator(setup)
    return {
        "evaluate": evaluator.evaluate,
        "rebuild": evaluator.rebuild,
        "score": evaluator.score,
        "reconstruct": evaluator.reconstruct,
    }


class Evaluator:
    """Evaluates candidates of one search.

    Args:
        setup: `graph` (file of the trained base model), `data`, `training` (as in CONFIG.yaml),
            `seed`, `target`, `cache` (folder of compiled objects), `pattern_sets` (JSON texts) and
            `layers` (folder of reconstructed layers).
    """

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self._base = load_graph(Path(setup["graph"]))
        self._data_name = str(setup["data"])
        self._training = Training.model_validate(setup["training"])
        self._seed = int(setup["seed"])
        self._target = load_target(setup["target"])
        self._cache = Path(setup["cache"])
        sets = (PatternSet.from_json(text) for text in setup["pattern_sets"])
        self._pattern_sets = {pattern_set.name: pattern_set for pattern_set in sets}
        place = setup.get("layers") or Path(setup["graph"]).with_name("layers")
        self._store = LayerStore(Path(place))
        self._teachers: dict[int, TeacherScores] = {}

    @cached_property
    def _data(self) -> ImageData:
        return open_data(self._data_name)

    @cached_property
    def _split(self) -> Split:
        return split_validation(self._data, self._training.validation_images, seed=0)

    def _train_indices(self, images: int) -> Indices:
        return self._split.train_indices[:images]

    def _teacher(self, images: int) -> TeacherScores:
        """The dense net's scores on the training images; the same for every candidate."""
        if images not in self._teachers:
            pixels = self._data.train_images[self._train_indices(images)]
            self._teachers[images] = teacher_scores(self._base, pixels)
        return self._teachers[images]

    @cached_property
    def _calibration_images(self) -> torch.Tensor:
        """Images for the repair, f32 (n, c, h, w)."""
        return self._normalised(self._split.train_indices[: self._training.repair_images])

    @cached_property
    def _calibration(self) -> Calibration:
        """What the dense net makes of them; the same for every candidate."""
        return calibrate(self._base, self._calibration_images)

    @cached_property
    def _layer_images(self) -> torch.Tensor:
        """Images that layers are reconstructed on and stitched nets measure batch norm on."""
        return self._calibration_images[:RECONSTRUCTION_IMAGES]

    @cached_property
    def _moments(self) -> LayerMoments:
        return LayerMoments(self._base, self._store, lambda: self._layer_images)

    @cached_property
    def _reconstructor(self) -> Reconstructor:
        return Reconstructor(self._base, self._store, self._moments, self._pattern_sets)

    def reconstruct(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make what the store does not have of some choices of a layer.

        Args:
            payload: `layer` and `choices` (labels).

        Returns:
            `made`: how many were not there; `reports`: of all that were asked for.
        """
        layer = payload["layer"]
        choices = [LayerChoice.parse(label) for label in payload["choices"]]
        made = self._reconstructor.layer(layer, choices)
        reports = [self._reconstructor.get(layer, choice).report for choice in choices]
        return {"made": made, "reports": reports}

    def evaluate(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Train, judge and build one candidate into `folder`; nothing of it shows before the end.

        Args:
            payload: `candidate` (its JSON) and `folder`; `rung` (0 when not given), and where the
                same candidate was repaired before, the folder `repaired`.

        Returns:
            What `evaluation.json` in the folder says.
        """
        folder = Path(payload["folder"])
        candidate = Candidate.from_json(payload["candidate"])
        aside = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700, parents=True)
        clock = _Stopwatch()
        rung = int(payload.get("rung", 0))
        if self._training.fidelities[rung] == STITCHED:
            pruned = self._stitched(candidate)
            clock.lap("repair_s")
        else:
            training = self._training.at(rung)
            pruned = self._trained(candidate, training, payload.get("repaired"), clock)
        graph = pruned.graph
        indices = self._split.validation_indices
        score = evaluate(graph, self._data.train_images[indices], self._data.train_labels[indices])
        clock.lap("evaluate_s")
        save_graph(graph, aside / "graph.safetensors")
        size_bytes = self._build(graph, aside, clock)
        rates = achieved(graph, candidate, self._base)
        result = {
            **asdict(score),
            "fidelity": label_of(self._training.fidelities[rung]),
            "rate": overall_rate(rates),
            "layers": [asdict(row) for row in rates],
            "parts": replaced_parts(self._base, candidate),
            "nonzero_macs": {node.name: nonzero_macs(graph, node) for node in graph.nodes},
            "size_bytes": size_bytes,
            "graph_digest": graph.digest,
            "training": pruned.history,
            "library": None if pruned.library is None else json.loads(pruned.library.to_json()),
            "seconds": clock.laps,
        }
        write_whole(aside / "evaluation.json", json.dumps(result).encode())
        shutil.rmtree(folder, ignore_errors=True)
        aside.replace(folder)
        return result

    def rebuild(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Build a net that was trained before for this search's target, into a folder of its own.

        Args:
            payload: `folder`, and `trained`, the folder of the earlier evaluation.

        Returns:
            What `evaluation.json` in the folder says: `reused` and what the earlier one said, with
            the size of this package.
        """
        folder, trained = Path(payload["folder"]), Path(payload["trained"])
        aside = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700, parents=True)
        clock = _Stopwatch()
        graph = load_graph(trained / GRAPH_FILE)
        save_graph(graph, aside / GRAPH_FILE)
        size_bytes = self._build(graph, aside, clock)
        known = read_evaluation(trained) or {}
        result = {**known, "size_bytes": size_bytes, "seconds": clock.laps, "reused": True}
        write_whole(aside / EVALUATION_FILE, json.dumps(result).encode())
        shutil.rmtree(folder, ignore_errors=True)
        aside.replace(folder)
        return result

    def score(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Accuracy of a stored graph on the test images: once, after the search."""
        graph = load_graph(Path(payload["folder"]) / "graph.safetensors")
        count = self._training.test_images
        images, labels = self._data.test_images[:count], self._data.test_labels[:count]
        return asdict(evaluate(graph, images, labels))

    def _stitched(self, candidate: Candidate) -> Pruned:
        """The net put together from stored layers."""
        history = {"algorithm": "stitched", "repair": [], "trainings": []}
        if not candidate.choices:
            return Pruned(self._base, history)
        graph = stitch(
            self._base,
            candidate,
            self._store,
            self._layer_images,
            pattern_sets=self._pattern_sets,
            reconstructor=self._reconstructor,
        )
        return Pruned(graph, history)

    def _trained(
        self, candidate: Candidate, training: Training, repaired: str | None, clock: _Stopwatch
    ) -> Pruned:
        settings = training.settings(self._seed)
        # the dense baseline is trained just as long, and there is nothing to prune
        algorithm = training.algorithm if candidate.choices else "one_shot"
        trains = settings.recipe.epochs > 0
        pruned = ALGORITHMS[algorithm].run(
            PruningRun(
                self._base,
                candidate,
                self._data,
                self._train_indices(training.images),
                settings,
                teacher=self._teacher(training.images)
                if training.distillation and trains
                else None,
                pattern_sets=self._pattern_sets,
                calibration=self._calibration_of(candidate) if candidate.choices else None,
                repaired=None if repaired is None else _read_repaired(Path(repaired)),
                on_phase=clock.phase,
            )
        )
        graph = pruned.graph
        if trains:
            graph = reestimate_batch_norm(graph, self._calibration_images)
        clock.end_phase()
        return replace(pruned, graph=graph)

    def _calibration_of(self, candidate: Candidate) -> Calibration:
        if not candidate.has_filter_types:
            return self._calibration
        starts = composite_starts(self._base, candidate, self._reconstructor)
        return replace(self._calibration, composites=starts)

    def _build(self, graph: Graph, folder: Path, clock: _Stopwatch) -> int:
        checked = self._normalised(self._split.validation_indices[: CHECK_IMAGES + 1])
        return build_candidate(graph, folder, checked, self._target, self._cache, on_lap=clock.lap)

    def _normalised(self, indices: Indices) -> torch.Tensor:
        images = torch.from_numpy(self._data.train_images[indices])
        return normalise(images, preprocessing_of(self._base))


def _read_repaired(folder: Path) -> Repaired | None:
    """The repaired net of a candidate and what was told of it, as `evaluate` left them."""
    evaluation = read_evaluation(folder)
    if evaluation is None:
        return None
    told = (evaluation.get("training") or {}).get("repair") or ()
    layers = tuple(LayerRepair(**row) for row in told)
    return Repaired(load_graph(folder / "graph.safetensors"), layers)


class _Stopwatch:
    """CPU seconds of each step, children included: what a trial costs on a busy machine."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {"repair_s": 0.0, "fine_tune_s": 0.0}
        self._last = _cpu_s()
        self._phase = ""

    def phase(self, phase: str, done: int, total: int) -> None:
        """Follow an algorithm's progress: its trainings are told apart from all else."""
        del done
        kind = "fine_tune_s" if total > 1 else "repair_s"
        if self._phase and phase != self._phase:
            self.end_phase()
        self._phase, self._kind = phase, kind

    def end_phase(self) -> None:
        """Add the last phase to its kind."""
        if self._phase:
            spent = self.laps[self._kind]
            self.lap(self._kind)
            self.laps[self._kind] = round(self.laps[self._kind] + spent, 3)
            self._phase = ""

    def lap(self, name: str) -> None:
        """Note the seconds since the last lap."""
        now = _cpu_s()
        self.laps[name] = round(now - self._last, 3)
        self._last = now


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
