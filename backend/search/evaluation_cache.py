"""Results of earlier searches, found by everything they depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.config.rungs import STITCHED
from backend.search.evaluation_key import evaluation_key
from backend.search.results import GRAPH_FILE, package_memory, read_evaluation
from backend.search.surroundings import Surroundings
from backend.sparsity.candidate import Candidate


class EvaluationCache:
    """Finds and keeps the records of candidates; `reuse: false` finds nothing."""

    def __init__(self, run: Surroundings) -> None:
        self._run = run

    def find(self, candidate: Candidate, rung: int = 0) -> tuple[dict[str, Any], str | None] | None:
        """The record of a candidate at a rung and the search it was made in, or None."""
        if not self._run.config.reuse:
            return None
        found = self._run.records.cached(self._key(candidate, rung))
        if found is None:
            return None
        record, folder, search_id = found
        place = self._run.folders.path(folder)
        if read_evaluation(place) is None:
            return None  # its files were removed
        if "memory_bytes" not in record:  # from before it was kept
            record["memory_bytes"] = package_memory(place)
        return record, search_id

    def trained(self, candidate: Candidate, rung: int = 0) -> Path | None:
        """Folder of a net that was trained just so for another device or target, or None.

        Model, data, candidate, training and seed agree; its package and its times do not count.
        """
        if not self._run.config.reuse:
            return None
        found = self._run.records.cached(self._training_key(candidate, rung))
        folder = None if found is None else self._run.folders.path(found[1])
        if folder is None or not (folder / GRAPH_FILE).exists() or read_evaluation(folder) is None:
            return None
        return folder

    def keep(
        self, candidate: Candidate, record: Mapping[str, Any], folder: str, rung: int = 0
    ) -> None:
        """Remember the record of a rung.

        Raises:
            FencedError: the lease is lost.
        """
        choices = json.loads(candidate.to_json()) if candidate.choices else {}
        for key in (self._key(candidate, rung), self._training_key(candidate, rung)):
            self._run.records.store(key, choices, record, folder)

    def _key(self, candidate: Candidate, rung: int) -> str:
        device = self._run.device
        parts = {"device": device.identity, "target": device.target}
        return evaluation_key(self._training_parts(candidate, rung) | parts)

    def _training_key(self, candidate: Candidate, rung: int) -> str:
        return evaluation_key(self._training_parts(candidate, rung))

    def _training_parts(self, candidate: Candidate, rung: int) -> dict[str, Any]:
        """A rung's result is that of a search of this rung alone."""
        config, digests = self._run.config, self._run.prepared.digests
        training = config.training
        stitched = {"fidelity": STITCHED} if training.fidelities[rung] == STITCHED else {}
        return {
            **stitched,
            "graph": digests["model"],
            "data": digests["data"],
            "candidate": candidate.to_json(),
            "training": training.at(rung).to_json(),
            "seed": config.seed,
        }
