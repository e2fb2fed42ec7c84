"""papers.md 7.4 repeated: the default sampler against the others, with good and useless tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from backend.search.problem import Problem
from backend.search.samplers import make_sampler
from tests.fixtures.synthetic_search import FLOOR, SyntheticSearch

COUNTS = (10, 20, 50)


def shuffled(problem: Problem) -> Problem:
    """The same with a damage table that knows nothing: its numbers dealt out anew."""
    random = np.random.default_rng(0)
    known = [x for row in problem.damage.values() for name, x in row.items() if name != "dense"]
    dealt = iter(random.permutation(known).tolist())
    damage = {
        layer: {name: 0.0 if name == "dense" else next(dealt) for name in row}
        for layer, row in problem.damage.items()
    }
    return replace(problem, damage=damage)


def areas(name: str, world: SyntheticSearch, problem: Problem) -> list[float]:
    """Share of the best hypervolume after each of `COUNTS` evaluations."""
    sampler = make_sampler(name, 0, problem)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    menus = {layer: CategoricalDistribution(menu) for layer, menu in problem.space.labels.items()}
    tried = []
    for draw in range(max(COUNTS)):
        begin = getattr(sampler, "begin", None)
        if begin is not None:
            begin(draw)
        trial = study.ask(menus)
        study.tell(trial, list(world.evaluate(trial.params)))
        tried.append(dict(trial.params))
    return [world.hypervolume(tried[:count]) for count in COUNTS]


@pytest.mark.slow
@pytest.mark.parametrize("is_useless", [False, True], ids=["good table", "useless table"])
def test_never_behind_another_sampler_at_any_count(is_useless: bool) -> None:
    world = SyntheticSearch(seed=0, proxy_error=0.25)
    problem = replace(world.problem(50), reference_accuracy=FLOOR)
    if is_useless:
        problem = shuffled(problem)
    ours = areas("punchcard", world, problem)
    for name in ("random", "nsga2", "tpe", "npas"):
        others = areas(name, world, problem)
        assert all(a > b for a, b in zip(ours, others, strict=True)), (name, ours, others)
