"""ADMM as in PatDNN (ASPLOS 2020) and Ma et al. (ECCV 2020), then masks and their training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from backend.sparsity.patterns import PatternSet, preset_patterns, universe
from backend.sparsity.patterns.library_schedule import PatternLibrary
from backend.sparsity.prune import pruned_layers
from backend.training.algorithms.admm_settings import fitted_rhos, saw_tooth
from backend.training.algorithms.algorithm import Algorithm
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

if TYPE_CHECKING:
    from backend.sparsity.repair import Repaired
    from backend.training.algorithms.pruned import Pruned
    from backend.training.algorithms.pruning_run import PruningRun

_NEXT_SEED = 1000


class Admm(Algorithm):
    """Library, pattern selection, connectivity and weights in one training; then hard masks.

    The hard mask is what the splits have settled on, or where the settings want that the
    criterion's choice among the trained weights. `repair` refits the kept weights to what the net
    under ADMM makes: what the last rho has not pulled to zero is then not simply cut off.
    """

    name = "admm"
    title = "ADMM"
    says = "The net is drawn towards the masks while it trains, then pruned and trained on."
    needs_epochs = True

    def _run(self, run: PruningRun) -> Pruned:
        from backend.training.algorithms.admm_regulariser import AdmmRegulariser
        from backend.training.algorithms.pruned import Pruned
        from backend.training.algorithms.pruning_run import told, told_repair

        settings, recipe = run.settings.admm, run.settings.recipe
        graph = _without_masks(run)
        library = _library(run, graph)
        sets = _sets(run, library)
        layers = tuple(pruned_layers(graph, run.candidate, sets))
        portion = run.portion(settings.share)
        steps = portion.epochs * ceil(portion.images / recipe.batch)
        rhos = _rhos(run, steps)
        regulariser = AdmmRegulariser(
            layers,
            settings,
            rhos,
            steps,
            library,
            lambda scores: pruned_layers(graph, run.candidate, sets, filter_scores=scores),
        )
        trained = run.train("admm", graph, portion, regulariser=regulariser)
        soft, masks = regulariser.finish(trained.graph)
        trainings = [told("admm", portion, trained)]
        learnt = None if regulariser.library is None else regulariser.library.patterns
        masked = soft.with_weights(
            {key: Weight(soft.weights[key].values, mask) for key, mask in masks.items()}
        )
        run = replace(run, pattern_sets=_sets(run, regulariser.library))
        hard = self._hard(run, soft, masked)
        rest = run.portion(1 - settings.share)
        trained = run.train("fine-tune", hard.graph, rest, is_last=True, seed=_NEXT_SEED)
        trainings.append(told("fine-tune", rest, trained))
        history = {
            "algorithm": self.name,
            "selection": settings.selection,
            "repair": told_repair(hard),
            "updates": regulariser.history,
            "library": None if regulariser.library is None else regulariser.library.to_state(),
            "trainings": trainings,
        }
        return Pruned(trained.graph, history, learnt)

    def _hard(self, run: PruningRun, soft: Graph, masked: Graph) -> Repaired:
        from backend.sparsity.repair import Repaired

        if run.settings.admm.hard_mask == "criterion":
            return run.prune(soft, run.candidate)
        if run.settings.repair:
            return run.refit(soft, masked, run.candidate)
        return Repaired(run.measure_batch_norm(masked))


def _without_masks(run: PruningRun) -> Graph:
    """The dense graph; masks that the candidate's layers already had are lifted."""
    layers = pruned_layers(run.graph, run.candidate, run.pattern_sets)
    return run.graph.with_weights({layer.key: Weight(layer.weight) for layer in layers})


def _library(run: PruningRun, graph: Graph) -> PatternLibrary | None:
    """The universe that the library is extracted from, where the settings want that."""
    sizes = run.settings.admm.library
    sets = [layer.patterns for layer in pruned_layers(graph, run.candidate, run.pattern_sets)]
    entries = {found.entries for found in sets if found is not None}
    if not sizes or not entries:
        return None
    if len(entries) > 1:
        msg = (
            "one library is learnt for the whole net, but the plan's pattern sets keep "
            f"{' and '.join(map(str, sorted(entries)))} weights: take sets of one size"
        )
        raise PlanError(msg)
    return PatternLibrary(universe(entries.pop()), sizes)


def _sets(run: PruningRun, library: PatternLibrary | None) -> Mapping[str, PatternSet] | None:
    """The plan's pattern sets, or the learnt library under each of their names."""
    if library is None:
        return run.pattern_sets
    sets = preset_patterns() if run.pattern_sets is None else run.pattern_sets
    return dict.fromkeys(sets, library.patterns)


def _rhos(run: PruningRun, steps: int) -> tuple[float, ...]:
    from backend.training.optimiser import learning_rate

    settings, recipe = run.settings.admm, run.settings.recipe

    def rate(step: int, of: int) -> float:
        place = saw_tooth(step, of, settings.stages) if settings.saw_tooth else (step, of)
        return learning_rate(*place, recipe.learning_rate, recipe.warm_up)

    return settings.rhos or fitted_rhos(settings.stages, steps, rate)
