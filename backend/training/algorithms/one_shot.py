"""Masks at once, repaired, then one training."""

from __future__ import annotations

from backend.training.algorithms.algorithm import Algorithm
from backend.training.algorithms.pruned import Pruned
from backend.training.algorithms.pruning_run import PruningRun, told


class OneShot(Algorithm):
    """Criterion to mask, least-squares repair, then masked training."""

    name = "one_shot"
    title = "One-shot"
    says = "Masks are chosen once, kept weights refitted without labels, then trained."

    def _run(self, run: PruningRun) -> Pruned:
        graph = run.prune(run.graph, run.candidate)
        trainings = []
        if run.settings.recipe.epochs:
            portion = run.portion(1.0)
            trained = run.train("fine-tune", graph, portion, is_last=True)
            graph = trained.graph
            trainings.append(told("fine-tune", portion, trained))
        return Pruned(graph, {"algorithm": self.name, "trainings": trainings})
