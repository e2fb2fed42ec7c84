"""What all parts of one run of a search work with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backend.config.search_file import SearchConfig
from backend.jobs.context import JobContext
from backend.search.executor import Executor
from backend.search.preparation import Prepared
from backend.search.records import SearchRecords
from backend.search.search_device import SearchDevice
from backend.search.trainers import TrainerGate
from backend.storage.kept_folders import KeptFolders

POLL_S = 0.25

DENSE = "dense"
"""Task id and folder of the dense baseline."""


@dataclass(frozen=True)
class Surroundings:
    """One run of one search, opened and ready.

    Attributes:
        folder: of the search's candidates.
    """

    context: JobContext
    records: SearchRecords
    prepared: Prepared
    device: SearchDevice
    executor: Executor
    gate: TrainerGate
    folder: Path

    @property
    def config(self) -> SearchConfig:
        """What the search was started with."""
        return self.prepared.config

    @cached_property
    def folders(self) -> KeptFolders:
        """Where candidates' folders are found by the names that are stored."""
        return KeptFolders(self.context.settings)

    @property
    def epochs_each(self) -> int:
        """Epochs that a candidate's first training takes by the configuration."""
        training = self.config.training.at(0)
        return training.epochs if training.images else 0

    @property
    def top_rung(self) -> int:
        """Index of the dearest evaluation; 0 where there is one only."""
        return len(self.config.training.fidelities) - 1
