"""The comparison of samplers: its arithmetic, resumed runs, what everybody pays, the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from backend.bench.accuracy.cell import Cell
from backend.bench.errors import BenchError
from backend.bench.journal import Journal
from backend.bench.search.asked_study import REPEATS_IN_A_ROW, AskedStudy
from backend.bench.search.bench_run import BenchRun
from backend.bench.search.encoding import CATEGORICAL, ENCODINGS, ORDINAL
from backend.bench.search.evaluation_store import EvaluationStore
from backend.bench.search.hypervolume import Reference
from backend.bench.search.measured_front import (
    FILE,
    POINTS,
    Measured,
    front_steps,
    read_measured,
)
from backend.bench.search.metered_table import MeteredTable
from backend.bench.search.open_bench import FLOORS
from backend.bench.search.pilot import PilotScore, chosen_setting
from backend.bench.search.plan import STITCHED, Judge, Part, Pilot, Plan, plan_of
from backend.bench.search.planned_cells import best_of_plan, planned_cells
from backend.bench.search.report_run import report_run
from backend.bench.search.run_cell import cell_of, run_cell
from backend.bench.search.run_curve import Quartiles, RunCurve, SamplerCurves
from backend.bench.search.run_plan import list_cells, run_plan
from backend.bench.search.run_record import Step, spent_on, steps_of, told_trials
from backend.bench.search.sampler_code import sampler_code
from backend.bench.search.search_task import Evaluation
from backend.bench.search.setting import SETTINGS, STORE, Setting
from backend.bench.search.verdict import judge
from backend.cli.main import main
from backend.search.samplers import SAMPLERS
from tests.fixtures.recorded_task import EVALUATE_S, LAYER_S, TABLE_S, RecordedTask

REFERENCE = Reference(latency_ms=10.0, floor=0.5, ceiling=1.0)


def step(accuracy: float, latency_ms: float, cpu_s: float = 0.0) -> Step:
    return Step(accuracy, 0.0, latency_ms, cpu_s, {})


def test_hypervolume_is_the_area_of_the_staircase() -> None:
    # 2 ms at 0.6: 8 x 0.1; then 5 ms at 0.9: 5 x 0.3; the box is 10 x 0.5
    points = [(0.6, 2.0), (0.9, 5.0)]
    assert REFERENCE.hypervolume(points) == pytest.approx((0.8 + 1.5) / 5.0)
    beaten = [*points, (0.55, 3.0), (0.9, 6.0), (0.49, 1.0), (0.99, 10.0), (0.99, 12.0)]
    assert REFERENCE.hypervolume(beaten) == pytest.approx(2.3 / 5.0)
    assert REFERENCE.hypervolume([]) == 0.0


def test_hypervolume_agrees_with_a_count_of_cells() -> None:
    random = np.random.default_rng(0)
    points = [(float(a), float(ms)) for a, ms in random.uniform([0.4, 0], [1.0, 12], (30, 2))]
    accuracies = np.linspace(0.5, 1.0, 2001)[:-1] + 0.5 / 4000
    times = np.linspace(0, 10, 2001)[:-1] + 10 / 4000
    covered = np.zeros((2000, 2000), bool)
    for accuracy, ms in points:
        covered |= (accuracies[:, None] <= accuracy) & (times[None] >= ms)
    assert REFERENCE.hypervolume(points) == pytest.approx(covered.mean(), abs=2e-3)


def test_a_curve_by_evaluations_and_by_seconds() -> None:
    run = RunCurve([step(0.6, 2.0, 5.0), step(0.4, 1.0, 6.0), step(0.9, 5.0, 9.0)], REFERENCE)
    assert run.volumes == pytest.approx([0.16, 0.16, 0.46])
    assert run.after(2) == pytest.approx(0.16)
    assert run.after(4) is None
    assert run.by_second(4.9) == 0.0
    assert run.by_second(8.9) == pytest.approx(0.16)
    assert run.by_second(9.1) is None
    assert run.seconds_to(0.2) == 9.0
    assert run.seconds_to(0.5) is None


def test_quartiles_of_seeds() -> None:
    assert Quartiles.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Quartiles(2.0, 3.0, 4.0, 5)
    assert Quartiles.of([]) is None


def constant(sampler: str, levels: Sequence[float], seconds: float, count: int) -> SamplerCurves:
    """Runs that have their level from the first evaluation on; one seed a level."""
    runs = {}
    for seed, level in enumerate(levels):
        accuracy = 0.5 + level / 2
        steps = [step(accuracy, 1e-12, seconds * (i + 1)) for i in range(count)]
        runs[seed] = RunCurve(steps, REFERENCE)
    return SamplerCurves(sampler, sampler, runs)


def test_the_verdict_says_what_is_reached_and_where_ours_is_behind() -> None:
    ours = constant("punchcard", [0.5] * 10, 1.0, 200)
    tpe = constant("tpe", [0.4] * 10, 1.0, 200)
    gp = constant("gp", [0.45] * 5, 4.0, 100)
    found = judge([ours, tpe, gp], (10, 50, 100, 200))
    assert found is not None and found.reached is not None
    assert (found.is_reached, found.reached.other) == (True, "gp")
    assert not found.behind_by_count and not found.behind_by_seconds
    # tests of significance only where there are ten seeds of both
    assert all((one.p is not None) == (one.other == "tpe") for one in found.by_count)
    assert min(one.p for one in found.by_count if one.p is not None) < 1e-4
    # gp ends after 100 evaluations, so it is no more compared at 200
    assert {one.at for one in found.by_count if one.other == "gp"} == {10, 50, 100}
    assert found.seconds_to_best == (1.0, 400.0)


def test_a_win_by_evaluations_that_is_none_by_seconds_is_told() -> None:
    ours = constant("punchcard", [0.5], 10.0, 50)
    quick = constant("random", [0.4], 0.1, 200)
    found = judge([ours, quick], (10, 50))
    assert found is not None
    assert not found.behind_by_count
    assert found.behind_by_seconds
    assert max(one.at for one in found.behind_by_seconds) < 10.0


def test_a_goal_that_is_missed_is_told() -> None:
    found = judge(
        [constant("punchcard", [0.3], 1.0, 200), constant("npas", [0.4], 1.0, 200)], (50, 200)
    )
    assert found is not None
    assert found.is_reached is False
    assert [one.at for one in found.behind_by_count] == [50, 200]


def test_every_sampler_of_a_search_is_compared() -> None:
    assert set(SETTINGS) == set(SAMPLERS) == set(plan_of("full").samplers)
    stock = {
        name: settings for name, settings in SETTINGS.items() if name in ("nsga2", "tpe", "gp")
    }
    assert all({s.encoding for s in two} == {CATEGORICAL, ORDINAL} for two in stock.values())


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_says_every_candidate(name: str) -> None:
    problem = RecordedTask().problem
    encoding = ENCODINGS[name](problem.space, problem.cost)
    random = np.random.default_rng(0)
    for _ in range(20):
        labels = problem.space.draw(random)
        params = encoding.params(labels)
        assert encoding.labels(params) == labels
        for layer, one in encoding.distributions.items():
            assert one._contains(one.to_internal_repr(params[layer]))


def test_ordinal_numbers_rise_with_predicted_time() -> None:
    problem = RecordedTask().problem
    for layer, menu in ENCODINGS[ORDINAL](problem.space, problem.cost).menus.items():
        times = [problem.cost[layer][label] for label in menu]
        assert times == sorted(times)


def test_a_table_knows_whether_it_was_read() -> None:
    table = MeteredTable({"a": {"dense": 0.0}})
    assert list(table) == ["a"] and len(table) == 1
    assert not table.is_read
    assert dict(table) == {"a": {"dense": 0.0}}
    assert table.is_read


def whole_run(cell: Cell, task: RecordedTask, path: Path, count: int) -> Journal:
    journal = Journal(path)
    assert run_cell(task, cell, count, journal) == count
    return journal


@pytest.mark.parametrize(
    "setting",
    [s for name in ("random", "nsga2", "tpe", "npas", "punchcard") for s in SETTINGS[name]],
    ids=lambda setting: setting.title,
)
def test_a_run_that_was_cut_proposes_what_it_would_have(setting: Setting, tmp_path: Path) -> None:
    count = 27  # more than two generations of NSGA-II
    task = RecordedTask()
    cell = cell_of(task, setting, "net", STITCHED, 3)
    whole = whole_run(cell, task, tmp_path / "whole.jsonl", count)
    path = tmp_path / "cut.jsonl"
    done = 0
    while done < count:  # killed again and again: every process has its own sampler
        steps = iter(range(5))
        done = run_cell(
            task, cell, count, Journal(path), should_stop=lambda s=steps: next(s, None) is None
        )
        with path.open("a") as file:
            file.write('{"key": "half a li')  # as a kill leaves it
    cut = Journal(path)
    assert [told_of(one) for one in told_trials(cell, cut)] == [
        told_of(one) for one in told_trials(cell, whole)
    ]
    ours, theirs = spent_on(cell, cut), spent_on(cell, whole)
    del ours["ask"], theirs["ask"]
    assert ours == pytest.approx(theirs)


def told_of(values: dict) -> dict:
    return {name: value for name, value in values.items() if name not in ("seconds", "noted")}


def test_a_shorter_run_is_the_beginning_of_a_longer_one(tmp_path: Path) -> None:
    task = RecordedTask()
    cell = cell_of(task, Setting("tpe"), "net", STITCHED, 0)
    journal = whole_run(cell, task, tmp_path / "a.jsonl", 5)
    first = [one["labels"] for one in told_trials(cell, journal)]
    run_cell(task, cell, 9, journal)
    assert [one["labels"] for one in told_trials(cell, journal)][: len(first)] == first


def test_every_run_pays_for_what_it_uses_and_only_once(tmp_path: Path) -> None:
    task = RecordedTask(layers=4)
    cell = cell_of(task, Setting("random"), "net", STITCHED, 0)
    journal = whole_run(cell, task, tmp_path / "a.jsonl", 30)
    spent = spent_on(cell, journal)
    touched = {pair for one in told_trials(cell, journal) for pair in one["labels"].items()}
    pruned = [pair for pair in touched if pair[1] != "dense"]
    assert spent["latency"] == TABLE_S["latency"]
    assert spent["evaluate"] == pytest.approx(30 * EVALUATE_S)
    assert spent["layers"] == pytest.approx(len(pruned) * LAYER_S)
    assert set(spent) == {"latency", "evaluate", "layers", "ask"}  # it has read no damage table
    assert steps_of(cell, journal)[-1].cpu_s == pytest.approx(sum(spent.values()))


def test_a_sampler_that_reads_damage_pays_for_the_table(tmp_path: Path) -> None:
    task = RecordedTask()
    for number, setting in enumerate(SETTINGS["punchcard"]):
        cell = cell_of(task, setting, "net", STITCHED, 0)
        journal = whole_run(cell, task, tmp_path / f"{number}.jsonl", 4)
        spent = spent_on(cell, journal)
        assert spent[setting.damage] == TABLE_S[setting.damage]
        # the store's table is all reconstructions at once: none is paid twice
        assert (spent["layers"] == 0.0) == (setting.damage == STORE)


def test_a_sampler_that_repeats_itself_gets_a_new_candidate() -> None:
    from optuna.samplers import RandomSampler

    class Stubborn(RandomSampler):
        def infer_relative_search_space(self, study, trial):  # noqa: ANN001, ANN202
            return self.space

        def sample_relative(self, study, trial, search_space):  # noqa: ANN001, ANN202
            return {name: one.choices[0] for name, one in search_space.items()}

    task = RecordedTask()
    space = task.problem.space
    encoding = ENCODINGS[CATEGORICAL](space, task.problem.cost)
    sampler = Stubborn(seed=0)
    sampler.space = dict(encoding.distributions)
    study = AskedStudy("s", sampler, space, encoding, 0)
    asked = []
    for _ in range(REPEATS_IN_A_ROW + 2):
        asked.append(study.ask())
        study.tell(asked[-1], task.evaluate(asked[-1].labels))
    assert [one.repeats for one in asked] == [None, *[0] * REPEATS_IN_A_ROW, None]
    assert study.evaluations == 2


def test_evaluations_are_kept_for_others_and_damaged_ones_made_again(tmp_path: Path) -> None:
    found = Evaluation(0.9, 0.3, 0.0, 1.5)
    EvaluationStore(tmp_path).put("ab", found)
    assert EvaluationStore(tmp_path).get("ab") == found
    assert EvaluationStore(tmp_path).get("cd") is None
    (tmp_path / "cd.json").write_text('{"accuracy": ')
    (tmp_path / "ef.json").write_text('{"accuracy": 1}')
    assert EvaluationStore(tmp_path).get("cd") is None
    assert EvaluationStore(tmp_path).get("ef") is None


def pilot_of(setting: Setting, level: float, cpu_s: float, accuracy: float = 0.2) -> PilotScore:
    steps = [step(0.5 + level / 2, 1e-12, cpu_s)]
    run = RunCurve(steps, REFERENCE)
    return PilotScore(setting, {0: run}, {0: level}, accuracy, cpu_s)


def test_the_pilot_takes_the_better_setting() -> None:
    one, other = SETTINGS["tpe"]
    assert chosen_setting("tpe", {one: pilot_of(one, 0.1, 5.0, 0.9)}) is None
    scores = {one: pilot_of(one, 0.1, 5.0, 0.9), other: pilot_of(other, 0.5, 5.0)}
    assert chosen_setting("tpe", scores) == other
    # what comes only after the other has ended came too late
    scores[other] = pilot_of(other, 0.5, 50.0)
    assert chosen_setting("tpe", scores) == one
    # where no front is there at all, the mean accuracy of what was tried decides
    nothing = {one: pilot_of(one, 0.0, 5.0, 0.3), other: pilot_of(other, 0.0, 5.0, 0.2)}
    assert chosen_setting("tpe", nothing) == one
    assert chosen_setting("random", {}) == SETTINGS["random"][0]


SMALL = Plan(
    "small",
    ("punchcard", "random", "nsga2"),
    Pilot("net", STITCHED, (1000,), 3),
    Judge("net", STITCHED, (0,), 4),
    (
        Part("net", STITCHED, (0, 1), {"": 6, "nsga2": 5}),
        Part("net2", STITCHED, (0,), {"": 3}, best=2),
    ),
    {("net", STITCHED): 6, ("net2", STITCHED): 6},
    marks=(2, 4, 6),
)


def small_bench(folder: Path) -> BenchRun:
    tasks = {"net": RecordedTask(layers=5), "net2": RecordedTask(layers=6)}
    journal = Journal(folder / "j.jsonl")
    floors = {STITCHED: 0.82}
    return BenchRun(SMALL, folder, journal, lambda net, _: tasks[net], floors, say=lambda _: None)


def test_a_bench_runs_to_its_end_and_reports(tmp_path: Path) -> None:
    run = small_bench(tmp_path)
    # neither settings nor the best samplers are known yet: random alone has a run to be named
    assert {one.cell.work.sampler for one in planned_cells(run) if not one.is_pilot} == {"random"}
    assert run_plan(run) == 0
    again = small_bench(tmp_path)
    assert all(line.startswith("done") for line in list_cells(again))
    best = best_of_plan(again)
    assert set(best) == set(SMALL.samplers)
    on_second = [one for one in planned_cells(again) if one.net == "net2"]
    assert {one.cell.work.sampler for one in on_second} == set(best[:2])
    text, numbers = report_run(again, tmp_path / "plots")
    assert "### net, stitched" in text and "### net2, stitched" in text
    assert "punchcard after 50 evaluations" in text
    json.dumps(numbers)
    first = numbers["sections"][0]
    assert [one["sampler"] for one in first["samplers"]] == list(SMALL.samplers)
    assert first["samplers"][1]["hypervolume"]["6"]["seeds"] == 2
    assert first["samplers"][2]["hypervolume"]["6"] is None  # NSGA-II has five evaluations here
    assert len(numbers["pilot"]) == 4
    drawn = ElementTree.parse(tmp_path / "plots" / "search-net-stitched.svg").getroot()
    lines = drawn.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 6  # three samplers in two panels


def test_a_bench_ends_where_it_is_told_and_goes_on(tmp_path: Path) -> None:
    run = small_bench(tmp_path)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        run.is_stopped = len(said) == 2

    run.say = say
    assert run_plan(run) > 0
    assert len(said) == 2
    records = dict(run.journal.records)
    again = small_bench(tmp_path)
    assert run_plan(again) == 0
    assert records.items() <= again.journal.records.items()


def test_only_the_samplers_that_are_asked_for_run(tmp_path: Path) -> None:
    run = small_bench(tmp_path)
    assert run_plan(run, samplers=["random"]) == 0
    assert {record["row"] for record in run.journal.records.values()} == {"random"}
    with pytest.raises(BenchError, match="'grid'"):
        run_plan(run, samplers=["grid"])


def test_runs_of_another_code_of_a_sampler_are_others() -> None:
    codes = {name: sampler_code(name) for name in SAMPLERS}
    assert len(set(codes.values())) == len(SAMPLERS)
    facts = cell_of(RecordedTask(), Setting("tpe"), "net", STITCHED, 0).facts
    assert facts["code"] == codes["tpe"]


def test_nothing_is_reported_before_there_is_anything(tmp_path: Path) -> None:
    text, numbers = report_run(small_bench(tmp_path))
    assert "No results yet." in text
    assert numbers["sections"] == []


def test_a_profile_that_is_none_is_refused() -> None:
    with pytest.raises(BenchError, match="full, tiny"):
        plan_of("fast")


def test_the_command_runs_the_real_net_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    words = ["bench", "search", "--profile", "tiny", "--folder", str(tmp_path / "bench")]
    assert main([*words, "--dry-run"]) == 0
    listed = capsys.readouterr().out
    assert "open   0/  3" in listed and "trained" not in listed
    numbers = tmp_path / "numbers.json"
    assert main([*words, "--minutes", "0", "--json", str(numbers)]) == 0
    shown = capsys.readouterr().out
    assert "### resnet20, stitched" in shown and "### resnet20, trained" in shown
    found = json.loads(numbers.read_text())
    assert found["runs"]["whole"] == found["runs"]["planned"] == 11
    stitched = found["sections"][0]
    assert 0.8 < stitched["dense"]["accuracy"] <= 1.0
    assert stitched["reference"]["accuracy"] == FLOORS[STITCHED]
    assert stitched["reference"]["latency_ms"] == stitched["dense"]["latency_ms"]
    by_name = {one["sampler"]: one for one in stitched["samplers"]}
    assert by_name["punchcard"]["hypervolume"]["6"]["median"] > 0
    parts = by_name["random"]["runs"][0]["cpu_parts_s"]
    assert parts["evaluate"] > 0 and parts["layers"] > 0
    # what is there is not computed again
    before = numbers.read_bytes()
    assert main([*words, "--markdown", "--json", str(numbers)]) == 0
    assert numbers.read_bytes() == before


def test_front_members_are_taken_evenly_and_told_by_their_number() -> None:
    points = [(0.4, 1.0), *((0.5 + 0.02 * i, 1.0 + 0.2 * i) for i in range(1, 21)), (0.6, 9.0)]
    run = RunCurve([step(*point) for point in points], REFERENCE)
    found = front_steps(run)
    assert len(found) == POINTS
    assert found[0][0] == 2 and found[-1][0] == 21  # its ends; what is below the floor is not it
    assert all(run.steps[number - 1] is one for number, one in found)
    assert front_steps(RunCurve([step(0.3, 1.0)], REFERENCE)) == []


def test_predictions_of_front_members_stand_beside_the_clock(tmp_path: Path) -> None:
    run = small_bench(tmp_path)
    assert run_plan(run, samplers=["random"]) == 0
    measured = [
        Measured("net", STITCHED, "random", 0, 1, 0.9, 1.0, 1.25),
        Measured("net", STITCHED, "random", 0, 2, 0.9, 1.0, 1.0),
    ]
    (tmp_path / FILE).write_text(json.dumps([asdict(one) for one in measured]))
    assert read_measured(run) == measured
    text, numbers = report_run(run)
    assert "| random | 2 | 10.0% | -10.0% | 20.0% |" in text
    assert [one["measured_ms"] for one in numbers["sections"][0]["measured"]] == [1.25, 1.0]


@pytest.mark.slow
def test_fronts_of_the_real_net_are_timed_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    words = ["bench", "search", "--profile", "tiny", "--folder", str(tmp_path / "bench")]
    assert main([*words, "--minutes", "0"]) == 0
    assert main([*words, "--measure"]) == 0
    assert "by the clock" in capsys.readouterr().out
    measured = json.loads((tmp_path / "bench" / FILE).read_text())
    assert measured and all(one["measured_ms"] > 0 for one in measured)


def test_a_bench_without_a_latency_table_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    assert main(["bench", "search", "--dry-run", "--profile", "full"]) == 1
    assert "punchcard bench table" in capsys.readouterr().err
