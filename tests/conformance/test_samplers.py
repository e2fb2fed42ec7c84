"""Every sampler of the registry: stays in the space, never repeats, follows from its seed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from backend.search.problem import Problem
from backend.search.samplers import SAMPLERS, SamplerError, check_sampler, make_sampler
from backend.search.study import Proposal, SearchStudy, open_storage
from tests.unit.backend.search.small_problem import small_problem, truth

NAMES = sorted(SAMPLERS)
# Optuna's GP imports torch and fits for seconds; it is met in the slow run only.
QUICK = [pytest.param(name, marks=pytest.mark.slow) if name == "gp" else name for name in NAMES]


@pytest.fixture(scope="module")
def problem() -> Problem:
    return small_problem(budget=10)


def open_study(folder: Path | None, name: str, problem: Problem, study: str = "s") -> SearchStudy:
    """A study in memory, or in a database of the folder."""
    url = None if folder is None else f"sqlite:///{folder / 'study.db'}"
    storage = InMemoryStorage() if url is None else open_storage(url)
    return SearchStudy(storage, study, problem.space, make_sampler(name, 5, problem), 5)


def finish(study: SearchStudy, problem: Problem, proposal: Proposal) -> None:
    accuracy, latency_ms = truth(problem, proposal.candidate)
    study.complete(proposal, accuracy, latency_ms, {"layer_ms": {}}, {"latency_ms": -1.0})


def run(study: SearchStudy, problem: Problem, count: int) -> list[str]:
    digests = []
    for _ in range(count):
        proposal = study.propose()
        assert proposal is not None
        digests.append(proposal.candidate.digest)
        finish(study, problem, proposal)
    return digests


@pytest.mark.parametrize("name", QUICK)
def test_sampler_stays_in_the_space_and_never_repeats(problem: Problem, name: str) -> None:
    study = open_study(None, name, problem)
    digests = run(study, problem, 12)
    assert len(set(digests)) == 12
    for trial in study.trials():
        assert set(trial.params) == set(problem.space.layers)
        for layer, label in trial.params.items():
            assert label in problem.space.labels[layer]


@pytest.mark.parametrize("name", QUICK)
def test_stored_study_goes_on_as_if_never_interrupted(
    tmp_path: Path, problem: Problem, name: str
) -> None:
    whole = run(open_study(tmp_path, name, problem, "whole"), problem, 8)
    parts = run(open_study(tmp_path, name, problem, "parts"), problem, 3)
    parts += run(open_study(tmp_path, name, problem, "parts"), problem, 5)
    assert parts == whole


@pytest.mark.parametrize("name", QUICK)
def test_sampler_survives_failed_trials_and_leaves_their_candidates_alone(
    problem: Problem, name: str
) -> None:
    study = open_study(None, name, problem)
    seen = set()
    for index in range(9):
        proposal = study.propose()
        assert proposal is not None
        assert proposal.candidate.digest not in seen
        seen.add(proposal.candidate.digest)
        if index % 3 == 0:
            study.fail(proposal, "it could not be built")
        else:
            finish(study, problem, proposal)
    failed = [t for t in study.trials() if t.user_attrs.get("error") == "it could not be built"]
    assert {trial.state for trial in failed} == {TrialState.FAIL}
    assert len(failed) == 3


@pytest.mark.parametrize("name", QUICK)
def test_two_running_trials_are_never_the_same(problem: Problem, name: str) -> None:
    study = open_study(None, name, problem)
    first, second = study.propose(), study.propose()
    assert first is not None and second is not None
    assert first.candidate != second.candidate


@pytest.mark.parametrize("name", ["random", "punchcard", "npas"])
def test_small_space_is_emptied_and_then_there_is_nothing_more(name: str) -> None:
    problem = small_problem(schemes=["block_punched"], rates=[4.0], patterns="natural-8")
    layers = problem.space.menus[:4]
    tiny = Problem(
        type(problem.space)(layers),
        {layer: problem.damage[layer] for layer, _ in layers},
        {layer: problem.cost[layer] for layer, _ in layers},
    )
    study = open_study(None, name, tiny)
    digests = run(study, tiny, 2**4 - 1)
    assert len(set(digests)) == 2**4 - 1
    assert study.propose() is None


def test_punchcard_finds_a_better_front_than_chance(problem: Problem) -> None:
    """Area under the front in a world where the tables are right but scaled."""
    areas = {}
    for name in ("punchcard", "random"):
        study = open_study(None, name, problem, name)
        run(study, problem, 10)
        points = sorted((t.values[1], t.values[0]) for t in study.trials() if t.values)
        area, reached = 0.0, 0.87  # what loses over five points counts for nothing
        for latency_ms, accuracy in points:
            if accuracy > reached:
                area += -math.log(latency_ms) * (accuracy - reached)
                reached = accuracy
        areas[name] = area
    assert areas["punchcard"] > areas["random"]


def test_unknown_samplers_are_refused_in_words() -> None:
    with pytest.raises(SamplerError, match="choose among punchcard, npas, tpe"):
        check_sampler("magic")
