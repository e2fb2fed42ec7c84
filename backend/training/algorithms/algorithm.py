"""The contract of a pruning algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod

from backend.training.algorithms.pruned import Pruned
from backend.training.algorithms.pruning_run import PruningRun


class Algorithm(ABC):
    """A way from a dense net and a candidate to the trained, pruned net.

    Every algorithm spends the recipe's epochs and no more, ends with the candidate's exact rates,
    holds masks while it trains afterwards, and goes on exactly where a stopped run of the same
    folder was. It keeps no state of its own.

    Attributes:
        name: what plans and configurations call it.
        title: what people call it.
        says: one sentence for a person who has to choose.
    """

    name: str
    title: str
    says: str

    def run(self, run: PruningRun) -> Pruned:
        """Prune and train.

        Raises:
            StoppedError: the run was asked to stop; checkpoints are in its folder.
            PlanError: the candidate does not fit the net, or the settings each other.
            TrainingError: training broke down, or the folder is of another run.
            DataError: there are no images, or they do not fit the model.
        """
        run.claim_folder(self.name)
        return self._run(run)

    @abstractmethod
    def _run(self, run: PruningRun) -> Pruned:
        """As `run`, in a folder that is this run's."""
