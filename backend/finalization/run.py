"""NPAS's phase 3: a bake-off of pruning algorithms, then the winner's full run, then the proof."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.config.finalize_file import FinalizeSettings
from backend.data.batches import normalise
from backend.data.splits import split_validation
from backend.devices.compilation import toolchain_cache
from backend.devices.turn import DeviceTurn
from backend.finalization.contestant_run import Portion, epochs_of, run_contestant
from backend.finalization.contestants import CONTESTANTS
from backend.finalization.judge import Judgement, Losses, compare, judge
from backend.finalization.records import DONE, FAILED, RUNNING, FinalizationRecords
from backend.finalization.source import Source
from backend.finalization.time_left import Work
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.models.filter_types import replaced_parts
from backend.search.candidate_files import build_candidate
from backend.search.records import SearchError
from backend.search.results import (
    EVALUATION_FILE,
    PACKAGE_FOLDER,
    TOLERANCE,
    trial_record,
    write_timing,
)
from backend.search.search_device import SearchDevice
from backend.search.timing import check_package, time_packages
from backend.sparsity.report import achieved, overall_rate
from backend.storage.artifacts import write_whole
from backend.storage.kept_folders import KeptFolders
from backend.training.algorithms.pruned import Pruned
from backend.training.errors import StoppedError
from backend.training.evaluate import Accuracy, evaluate, preprocessing_of
from codegen.errors import PunchcardError
from codegen.ir.graph import Graph
from codegen.ir.macs import nonzero_macs
from codegen.ir.storage import load_graph, save_graph
from codegen.targets.registry import load_target

CHECK_IMAGES = 3
GRAPH, LOSSES = "graph.safetensors", "losses.npy"
ROOM_FACTOR, ROOM_BYTES = 12, 100_000_000


class FinalizationRun:
    """One run of one finalisation; what an earlier run finished or began is taken up.

    Each contestant has a folder of its own with its checkpoints, and its judgement once it has
    ended. Nothing of the finished net shows before all of it is there.
    """

    def __init__(
        self,
        context: JobContext,
        records: FinalizationRecords,
        source: Source,
        settings: FinalizeSettings,
        device: SearchDevice,
        folder: Path,
    ) -> None:
        self._context, self._records, self._source = context, records, source
        self._settings, self._device, self._folder = settings, device, folder
        split = split_validation(source.data, settings.validation_images, seed=0)
        self._validation = split.validation_indices
        self._train = split.train_indices[: settings.images or None]
        self._baked = split.train_indices[: settings.bake_images]
        self._work = Work(
            len(settings.contestants) * settings.bake_epochs * len(self._baked),
            settings.epochs * len(self._train),
        )

    def run(self) -> Mapping[str, Any]:
        """Bake off, run the winner in full, build, measure, verify.

        Raises:
            CancelledError: it was cancelled or paused; everything so far stays.
            SearchError: no contestant came through, the disk is full, or the finished program
                computes something else than torch.
            FencedError: another runner has taken it up.
        """
        self._require_room()
        losses = {}
        for name in self._settings.contestants:
            found = self._bake(name)
            if found is not None:
                losses[name] = found
        if not losses:
            errors = [
                f"{CONTESTANTS[name].title}: {self._records.contestant(name).get('error')}"
                for name in self._settings.contestants
            ]
            msg = f"no contestant came through the bake-off; {'; '.join(errors)}"
            raise SearchError(msg)
        winner, behind = compare(losses)
        for name, (difference, error) in behind.items():
            self._records.update_contestant(name, behind=difference, behind_se=error)
        self._records.choose(winner)
        graph = self._full_run(winner)
        result = self._prove(winner, graph)
        self._records.finish(winner, result)
        for name in ("contestants", "full"):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        self._context.progress("done", 1, 1, "the finished net is verified")
        return {"candidate": result["id"], "winner": winner}

    # Step 1: the bake-off

    def _bake(self, name: str) -> Losses | None:
        """One contestant's losses on the validation images; None where it failed."""
        place = self._folder / "contestants" / name
        known = _read_losses(place, len(self._validation))
        if known is not None and self._records.contestant(name)["state"] == DONE:
            self._work.finish(self._settings.bake_epochs * len(self._baked))
            return known
        title = CONTESTANTS[name].title
        self._records.update_contestant(name, state=RUNNING, error=None)
        portion = Portion(self._baked, self._settings.bake_epochs, CONTESTANTS[name].distillation)
        begun = time.monotonic()
        try:
            pruned = self._trained(name, portion, place, f"bake-off, {title}")
            seen = judge(pruned.graph, self._source.data, self._validation)
        except PunchcardError as error:
            self._stop_or_note(name, error)
            return None
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / LOSSES, seen.losses)
        self._records.update_contestant(
            name,
            state=DONE,
            history=epochs_of(pruned),
            updates=pruned.history.get("updates", []),
            seconds=round(time.monotonic() - begun, 1),
            **_numbers(seen),
        )
        self._work.finish(portion.epochs * len(portion.indices))
        self._context.milestone()
        return seen.losses

    def _stop_or_note(self, name: str, error: PunchcardError) -> None:
        """Go on without a contestant that cannot do the candidate; a stop is none of its errors."""
        if isinstance(error, (StoppedError, CancelledError)) or self._context.should_stop():
            raise CancelledError(self._context.job_id) from error
        self._records.update_contestant(name, state=FAILED, error=str(error))
        self._context.event("contestant_failed", str(error), name=name)

    # Step 2: the winner in full

    def _full_run(self, winner: str) -> Graph:
        place = self._folder / "full"
        done = place / GRAPH
        if done.is_file() and self._records.full_run.get("state") == DONE:
            return load_graph(done)
        self._records.update_full_run(state=RUNNING, winner=winner, epochs=self._settings.epochs)
        portion = Portion(self._train, self._settings.epochs, distils=True)
        title = f"full run, {CONTESTANTS[winner].title}"
        try:
            pruned = self._trained(winner, portion, place / "checkpoints", title)
        except StoppedError as error:
            raise CancelledError(self._context.job_id) from error
        save_graph(pruned.graph, done)
        self._records.update_full_run(
            state=DONE, history=epochs_of(pruned), updates=pruned.history.get("updates", [])
        )
        self._context.milestone()
        return pruned.graph

    def _trained(self, name: str, portion: Portion, place: Path, title: str) -> Pruned:
        def say(phase: str, done: int, total: int) -> None:
            if total > 1:
                self._work.at(phase, done, total, portion.epochs * len(portion.indices))
            words = f"{phase}, step {done} of {total}" if total > 1 else phase
            self._context.progress(title, *self._work.share, f"{words}; {self._work.left()}")

        self._work.begin()
        return run_contestant(
            name,
            self._source,
            self._settings,
            portion,
            validation=self._validation,
            folder=place,
            on_phase=say,
            should_stop=self._context.should_stop,
        )

    # Step 3: build, measure, verify, and the test images once

    def _prove(self, winner: str, graph: Graph) -> dict[str, Any]:
        self._say("compiling")
        final = self._folder / "final"
        aside = self._folder / ".final.part"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        target = load_target(self._device.target)
        cache = toolchain_cache(self._context.settings)
        pixels = self._source.data.train_images[self._validation[: CHECK_IMAGES + 1]]
        checked = normalise(torch.from_numpy(pixels), preprocessing_of(graph))
        save_graph(graph, aside / GRAPH)
        size_bytes = build_candidate(graph, aside, checked, target, cache)
        evaluation = self._evaluation(graph, size_bytes)
        write_whole(aside / EVALUATION_FILE, json.dumps(evaluation).encode())
        dense = self._folder / "dense"
        shutil.rmtree(dense, ignore_errors=True)
        dense.mkdir(mode=0o700)
        build_candidate(self._source.dense, dense, checked, target, cache)
        self._say("timing in turns with the dense net")
        with DeviceTurn(self._device.name, self._context.settings):
            agent = self._device.agent
            package = aside / PACKAGE_FOLDER
            timing = time_packages(agent, dense / PACKAGE_FOLDER, [package])[0]
            inputs = np.load(aside / "check_inputs.npy")
            check = check_package(agent, package, inputs, np.load(aside / "check_outputs.npy"))
        if check.max_relative_error > TOLERANCE:
            msg = f"its outputs differ from torch by {check.max_relative_error:.1e} (relative)"
            raise SearchError(msg)
        write_timing(aside, timing, check)
        self._say("scoring on the test images, once")
        scores = self._test_scores(graph)
        self._context.check()
        shutil.rmtree(final, ignore_errors=True)
        aside.replace(final)
        shutil.rmtree(dense, ignore_errors=True)
        # as its search's other latencies, so that they can be compared
        reference_ms = self._source.facts.dense.get("latency_ms", timing.dense_median_ms)
        folder = KeptFolders(self._context.settings).keep(final)
        record = trial_record(evaluation, timing, check, folder, reference_ms)
        return {**record, "id": f"{self._records.row.id}-final", "winner": winner, "test": scores}

    def _evaluation(self, graph: Graph, size_bytes: int) -> dict[str, Any]:
        seen = judge(graph, self._source.data, self._validation)
        rates = achieved(graph, self._source.candidate, self._source.dense)
        return {
            "accuracy": seen.accuracy,
            "standard_error": seen.accuracy_se,
            "loss": seen.loss,
            "count": len(seen.losses),
            "rate": overall_rate(rates),
            "layers": [asdict(row) for row in rates],
            "parts": replaced_parts(self._source.dense, self._source.candidate),
            "nonzero_macs": {node.name: nonzero_macs(graph, node) for node in graph.nodes},
            "size_bytes": size_bytes,
            "graph_digest": graph.digest,
            "seconds": {},
        }

    def _test_scores(self, graph: Graph) -> dict[str, Any]:
        """Accuracy on the test images of the finished net, the candidate before, the dense net."""
        data, count = self._source.data, self._settings.test_images
        if not count or not len(data.test_labels):
            return {}

        def score(of: Graph) -> Accuracy:
            return evaluate(of, data.test_images[:count], data.test_labels[:count])

        found = {"final": score(graph), "dense": score(self._source.dense)}
        before = self._source.before(KeptFolders(self._context.settings))
        if before is not None:
            found["before"] = score(before)
        return {name: asdict(one) for name, one in found.items()}

    def _say(self, words: str) -> None:
        self._context.check()
        self._context.progress("proof", *self._work.share, words)

    def _require_room(self) -> None:
        weights = sum(weight.values.nbytes for weight in self._source.dense.weights.values())
        needed = ROOM_FACTOR * weights + ROOM_BYTES
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            msg = (
                f"the disk of {self._context.settings.home} has {free / 1e6:.0f} MB left, a "
                f"finalisation of this net needs about {needed / 1e6:.0f} MB: free some, then "
                "resume"
            )
            raise SearchError(msg)


def _numbers(seen: Judgement) -> dict[str, float]:
    names = ("loss", "loss_se", "accuracy", "accuracy_se")
    return {name: getattr(seen, name) for name in names}


def _read_losses(place: Path, count: int) -> Losses | None:
    try:
        losses: Losses = np.load(place / LOSSES, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return losses if losses.shape == (count,) else None
