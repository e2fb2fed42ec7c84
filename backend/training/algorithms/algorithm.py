"""The contract of a pruning algorithm. Algorithms are listed without torch, and run with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from codegen.errors import PlanError

if TYPE_CHECKING:
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
        needs_epochs: whether it prunes by training, and cannot do without.
    """

    name: str
    title: str
    says: str
    needs_epochs: bool = False

    def run(self, run: PruningRun) -> Pruned:
        """Prune and train.

        Raises:
            StoppedError: the run was asked to stop; checkpoints are in its folder.
            PlanError: the candidate does not fit the net, or the settings each other.
            TrainingError: training broke down, or the folder is of another run.
            DataError: there are no images, or they do not fit the model.
        """
        if self.needs_epochs and not run.settings.recipe.epochs:
            msg = (
                f"{self.title} trains the net into its masks: give it at least one epoch, "
                "or take one_shot"
            )
            raise PlanError(msg)
        run.claim_folder(self.name)
        return self._run(run.with_filter_types(is_refitted=self.needs_epochs))

    @abstractmethod
    def _run(self, run: PruningRun) -> Pruned:
        """As `run`, in a folder that is this run's and with filter types in place."""
