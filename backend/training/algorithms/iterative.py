"""Rates raised over stages, with a short training behind each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import PrunedLayer, pruned_layers
from backend.training.algorithms.algorithm import Algorithm

if TYPE_CHECKING:
    from backend.training.algorithms.pruned import Pruned
    from backend.training.algorithms.pruning_run import PruningRun


class Iterative(Algorithm):
    """Stage s of n prunes every layer at its rate to the power s / n, and trains its share.

    A geometric schedule removes the same share of what is left in every stage (Han et al., NeurIPS
    2015; Zhu and Gupta, 2017, take a cubic one). A rate that a scheme cannot have is left out of a
    stage: the layer waits. Masks are chosen anew from the trained weights, where removed ones are
    zero, so magnitude never brings one back; the repair's own choice may.
    """

    name = "iterative"
    title = "Iterative"
    says = "Rates rise over several stages, each with its share of the training."

    def _run(self, run: PruningRun) -> Pruned:
        from backend.training.algorithms.pruned import Pruned
        from backend.training.algorithms.pruning_run import told, told_repair

        stages = run.settings.stages
        layers = tuple(pruned_layers(run.graph, run.candidate, run.pattern_sets))
        graph, trainings = run.graph, []
        for stage in range(1, stages + 1):
            candidate = run.candidate if stage == stages else _milder(layers, stage / stages)
            repaired = run.prune(graph, candidate)
            graph = repaired.graph
            if run.settings.recipe.epochs:
                name = f"stage {stage} of {stages}"
                portion = run.portion(1 / stages)
                trained = run.train(
                    name, graph, portion, is_last=stage == stages, seed=1000 * (stage - 1)
                )
                graph = trained.graph
                trainings.append(told(name, portion, trained))
        if not run.settings.recipe.epochs and run.on_pruned is not None:
            run.on_pruned(graph)
        history = {
            "algorithm": self.name,
            "repair": told_repair(repaired),
            "trainings": trainings,
        }
        return Pruned(graph, history)


def _milder(layers: tuple[PrunedLayer, ...], power: float) -> Candidate:
    """The candidate with every rate raised to a power; rates that cannot be are left out."""
    choices: dict[str, LayerChoice] = {}
    for layer in layers:
        least = 1.0 if layer.patterns is None else layer.patterns.rate
        rate = max(layer.choice.rate**power, min(least, layer.choice.rate))
        choice = replace(layer.choice, rate=rate)
        entries = None if layer.patterns is None else layer.patterns.entries
        if layer.scheme.problem(layer.weight.shape, choice, entries) is None:
            choices[layer.node.name] = choice
    return Candidate.of(choices)
