"""What a search tries before its sampler's proposals: candidates by hand, earlier fronts."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.cli.main import main
from backend.config.plan_file import write_plan
from backend.search.records import SearchError
from backend.services import candidates, searches
from backend.services.enqueue import enqueue_candidate, enqueue_plan
from backend.sparsity.candidate import Candidate, LayerChoice
from codegen.errors import PlanError
from tests.unit.backend.search.in_process import InProcess, begin, run

LAYER = "layer1.0.conv1"
PATTERN = LayerChoice("pattern", 4.0, patterns="natural-8", group=4)
PLAN = write_plan(Candidate.of({LAYER: PATTERN}))


def test_candidate_by_hand_runs_next_while_the_search_runs() -> None:
    search_id = begin(trials=8)
    asked: list[str] = []

    def ask(executor: InProcess) -> None:
        if len(executor.done) >= 3 and not asked:
            asked.append(enqueue_plan(search_id, PLAN, "mine.yaml"))
            assert [row.origin for row in searches.get_search(search_id).asked] == ["mine.yaml"]

    view, executor = run(search_id, on_poll=ask)
    (found,) = (trial for trial in view.trials if trial.origin)
    assert (found.origin, found.state) == ("by hand: mine.yaml", "done")
    assert found.candidate_label.endswith("1 x pattern/4")
    assert found.number == 5  # the next one after those in training, of 8
    assert (view.finished_trials, view.asked) == (8, ())
    digest = Candidate.of({LAYER: PATTERN}).to_json()
    assert [task.payload.get("candidate") for task in executor.done].count(digest) == 1


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (PLAN.replace("rate: 4.0", "rate: 5.0"), "has no pattern/5/natural-8/g4 on its menu"),
        (PLAN.replace("group: 4", "group: 8"), "it has pattern/2.25/natural-8/g4, pattern/3/"),
        ("layers: {conv1: {scheme: unstructured, rate: 4}}", "'conv1' is not searched here"),
        ("layers: {nowhere: {scheme: pattern, rate: 4}}", "nowhere"),
        ("default: {scheme: dense}", "leaves every layer dense"),
        ("- a list", "is not a plan"),
    ],
)
def test_plan_outside_the_space_is_refused_with_its_layer(plan: str, words: str) -> None:
    with pytest.raises((SearchError, PlanError), match=words):
        enqueue_plan(begin(), plan)


def test_known_candidates_and_ended_searches_are_refused() -> None:
    search_id = begin(trials=2)
    enqueue_plan(search_id, PLAN)
    with pytest.raises(SearchError, match="has been asked to try this"):
        enqueue_plan("last", PLAN)
    run(search_id)
    with pytest.raises(SearchError, match="--change .* --trials 3"):
        enqueue_plan(search_id, PLAN)
    searches.change_search(search_id, trials=3)
    with pytest.raises(SearchError, match=f"knows this candidate already: it is {search_id}-0"):
        enqueue_plan(search_id, PLAN)
    other = begin(trials=2)
    assert enqueue_candidate(other, f"{search_id}-0") == other
    assert [row.origin for row in searches.get_search(other).asked] == [f"candidate {search_id}-0"]


def test_command_line_enqueues_plans_and_candidates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search_id = begin()
    path = tmp_path / "PLAN.yaml"
    path.write_text(PLAN)
    assert main(["search", "--enqueue", search_id, str(path)]) == 0
    assert "next" in capsys.readouterr().out
    assert main(["search", "--enqueue", search_id, str(tmp_path / "absent.yaml")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert main(["search", "--enqueue", search_id, "absent-3"]) == 1
    assert "there is no candidate 'absent-3'" in capsys.readouterr().err
    assert main(["search", "--enqueue", search_id]) != 0


def test_warm_start_tries_an_earlier_front_first_and_times_it_anew() -> None:
    first, _ = run(begin(trials=6, reuse=True))
    front = sorted(first.front, key=lambda name: int(name.rpartition("-")[2]))
    again = begin(trials=8, reuse=True, warm_start=[first.id])
    view, executor = run(again, device="another", target="aarch64-generic")
    warm = sorted((t for t in view.trials if t.origin), key=lambda t: t.number)
    assert [t.origin for t in warm] == [f"warm start: {trial_id}" for trial_id in front]
    assert [t.number for t in warm] == list(range(len(front)))
    # trained before: built and timed for the other device, no epoch is spent on them
    kinds = [task.kind for task in executor.done if task.kind != "score"]
    assert kinds.count("rebuild") >= 1 + len(front)  # the baseline too
    assert view.epochs_spent == 2 * kinds.count("evaluate")
    by_id = {t.id: t for t in first.trials}
    for trial, trial_id in zip(warm, front, strict=True):
        assert trial.accuracy == by_id[trial_id].accuracy
        folder = candidates.candidate_folder(trial.id)
        assert folder.parent.name == again and (folder / "timing.json").exists()


def test_warm_start_on_the_same_device_measures_again_too() -> None:
    first, _ = run(begin(trials=3, reuse=True))
    view, executor = run(begin(trials=3, reuse=True, warm_start=[first.id]))
    rebuilt = sum(task.kind == "rebuild" for task in executor.done)
    assert rebuilt == len(first.front)
    assert sum(trial.origin.startswith("warm") for trial in view.trials) == rebuilt


def test_warm_start_from_another_space_takes_what_is_legal_and_says_so() -> None:
    first, _ = run(begin(trials=4, space={"rates": [2.25, 16.0]}))
    second = begin(trials=3, space={"rates": [2.25]}, warm_start=[first.id])
    view, _ = run(second)
    assert view.finished_trials == 3
    from backend.services.jobs import list_events

    assert view.job_id is not None
    (words,) = (e.message for e in list_events(view.job_id) if e.kind == "warm_start")
    assert "are not possible here, the first one" in words


def test_warm_start_from_nowhere_is_refused_before_anything_is_queued() -> None:
    with pytest.raises(SearchError, match="warm_start: there is no search 'nowhere'"):
        begin(warm_start=["nowhere"])
    assert searches.list_searches() == ()
