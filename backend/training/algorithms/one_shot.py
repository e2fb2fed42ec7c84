"""Masks at once, repaired, then one training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.training.algorithms.algorithm import Algorithm

if TYPE_CHECKING:
    from backend.training.algorithms.pruned import Pruned
    from backend.training.algorithms.pruning_run import PruningRun


class OneShot(Algorithm):
    """Criterion to mask, least-squares repair, then masked training."""

    name = "one_shot"
    title = "One-shot"
    says = "Masks are chosen once, kept weights refitted without labels, then trained."

    def _run(self, run: PruningRun) -> Pruned:
        from backend.training.algorithms.pruned import Pruned
        from backend.training.algorithms.pruning_run import told, told_repair

        repaired = run.prune(run.graph, run.candidate)
        graph = repaired.graph
        trainings = []
        if run.settings.recipe.epochs:
            portion = run.portion(1.0)
            trained = run.train("fine-tune", graph, portion, is_last=True)
            graph = trained.graph
            trainings.append(told("fine-tune", portion, trained))
        elif run.on_pruned is not None:
            run.on_pruned(graph)
        history = {
            "algorithm": self.name,
            "repair": told_repair(repaired),
            "trainings": trainings,
        }
        return Pruned(graph, history)
