"""The tuner's logic on recorded times, its file, and one real short tuning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.bench.nets import NETS, build_net
from backend.cli.main import main
from backend.models.zoo import build_model
from backend.storage.settings import Settings, load_settings
from backend.tuning.errors import TuningError
from backend.tuning.layer_study import LayerStudy
from backend.tuning.tune_graph import known_schedules, tune_graph
from backend.tuning.tuner import TOTAL, Schedules, TurnTimes, tune
from backend.tuning.tuning_file import Entry, TuningFile, best_schedules, home_file
from codegen.ir.passes import optimize
from codegen.lowering.tuning_space import TunableLayer, fitting_schedules, tuning_space
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import host_target, load_target
from tests.fixtures.toolchain import toolchain_cache

DEFAULT = Schedule("grouped", 8, 3)
CHOICES = tuple(
    (Schedule("grouped", rows, vectors, order), 1.0 + 0.01 * rows + 0.02 * vectors)
    for rows in (4, 8, 16)
    for vectors in (1, 2, 4)
    for order in ("natural", "sorted")
)
LAYERS = [
    TunableLayer("a", "kind 1", 1000, DEFAULT, CHOICES),
    TunableLayer("b", "kind 1", 1000, DEFAULT, CHOICES),
    TunableLayer("c", "kind 2", 1000, DEFAULT, CHOICES),
]


class Recorded:
    """Layers `a` and `b` gain from 4 rows by 2 vectors; `c` only seems to, in short turns."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Schedule]] = []
        self.now = 0.0

    def __call__(self, schedules: Schedules, turns: int) -> list[TurnTimes]:
        self.asked.append(dict(schedules))
        self.now += 10.0
        default = {"a": 1.0, "b": 1.0, "c": 1.0, TOTAL: 3.0}
        other = {name: self.ms(name, schedules.get(name), turns) for name in "abc"}
        return [TurnTimes(default, {**other, TOTAL: sum(other.values())})] * turns

    @staticmethod
    def ms(name: str, schedule: Schedule | None, turns: int) -> float:
        if schedule is None:
            return 1.0
        if name == "c":
            return 0.9 if turns < 5 else 1.1
        return 0.5 if (schedule.rows, schedule.vectors) == (4, 2) else 1.2


@pytest.fixture
def file(tmp_path: Path) -> TuningFile:
    return TuningFile(tmp_path / "tuning.json")


def test_real_wins_are_kept_and_seeming_ones_dropped(file: TuningFile) -> None:
    measure = Recorded()
    found = tune(LAYERS, "t", measure, seconds=1e6, file=file, clock=lambda: measure.now)
    assert set(found.schedules) == {"a", "b"}
    assert (found.schedules["a"].rows, found.schedules["a"].vectors) == (4, 2)
    assert found.gain == pytest.approx(3.0 / 2.0)
    # Layers of one kind are measured with one schedule.
    assert all(asked.get("a") == asked.get("b") for asked in measure.asked)
    assert set(TuningFile(file.path).best("t")) == {"kind 1"}


def test_budget_ends_the_search_and_leaves_time_to_confirm(file: TuningFile) -> None:
    measure = Recorded()
    found = tune(LAYERS, "t", measure, seconds=50.0, file=file, clock=lambda: measure.now)
    assert found.rounds <= 5 and found.seconds <= 60.0
    again = tune(LAYERS, "t", measure, seconds=0.1, file=file, clock=lambda: measure.now)
    assert 1 <= again.rounds <= 3


def test_cancelled_tuning_goes_on_where_it_was(file: TuningFile) -> None:
    measure = Recorded()

    def cancel() -> None:
        if len(measure.asked) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(LAYERS, "t", measure, seconds=1e6, file=file, check=cancel, clock=lambda: 0.0)
    before = {schedule for asked in measure.asked for schedule in asked.values()}
    resumed = Recorded()
    tune(LAYERS, "t", resumed, seconds=1e6, file=TuningFile(file.path), clock=lambda: 0.0)
    searched = [asked for asked in resumed.asked if "c" in asked and "a" in asked][:-1]
    assert not before & {asked["c"] for asked in searched}


def test_failed_program_is_one_failed_trial(file: TuningFile) -> None:
    def measure(schedules: Schedules, turns: int) -> list[TurnTimes]:
        message = "it cannot be built"
        raise TuningError(message)

    lines: list[str] = []
    found = tune(
        LAYERS[:1], "t", measure, seconds=1e6, file=file, clock=lambda: 0.0,
        on_progress=lambda _share, text: lines.append(text),
    )  # fmt: skip
    assert found.schedules == {} and found.gain == 1.0
    assert "left out: it cannot be built" in lines


def test_study_starts_with_the_cheapest_of_each_format() -> None:
    choices = ((DEFAULT, 1.0), (Schedule("grouped", 4, 6), 1.1), (Schedule("pattern", 1, 2), 1.9))
    study = LayerStudy(choices, Entry())
    asked = []
    while not study.is_exhausted:
        schedule = study.ask()
        asked.append(schedule.format)
        study.tell(schedule, 1.0)
    assert asked == ["grouped", "pattern", "grouped"]


def test_study_never_asks_twice_nor_for_the_hopeless() -> None:
    choices = (*CHOICES, (Schedule("pattern", 1, 1), 9.0))
    study, asked = LayerStudy(choices, Entry()), []
    while not study.is_exhausted:
        asked.append(study.ask())
        study.tell(asked[-1], 1.0 + 0.1 * asked[-1].vectors)
    assert len(asked) == len(set(asked)) == len(CHOICES)
    best = study.best()
    assert best is not None and best[0].vectors == 1


def test_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tuning.json"
    for text in ("[]", "{", '{"format": 99, "targets": {}}'):
        path.write_text(text)
        with pytest.raises(TuningError, match="tuning.json"):
            TuningFile(path)


def test_schedule_of_another_version_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "tuning.json"
    entry = {"schedule": {"format": "grouped", "spin": 3}, "gain": 1.2, "tried": {}}
    path.write_text(json.dumps({"format": 1, "targets": {"t": {"kind": entry}}}))
    assert best_schedules([path], "t") == {}


def test_space_has_every_layer_with_weights_and_only_schedules_that_fit() -> None:
    graph = optimize(build_net(NETS["resnet18-g8"], input_shape=(3, 64, 64)))
    target = load_target("x86_64-avx2")
    layers = tuning_space(graph, target)
    names = {node.name for node in graph.nodes if node.op in ("conv", "linear")}
    assert {layer.name for layer in layers} == names
    for layer in layers:
        assert layer.default not in dict(layer.choices)
        costs = [cost for _, cost in layer.choices]
        assert costs == sorted(costs)
    same = [layer for layer in layers if layer.name in ("layer1.0.conv1", "layer1.1.conv1")]
    assert same[0].signature == same[1].signature
    assert json.loads(same[0].signature)["shared"] == 8
    chosen = {same[0].signature: same[0].choices[0][0], "unknown": DEFAULT}
    fitted = fitting_schedules(graph, target, chosen)
    assert set(fitted) >= {"layer1.0.conv1", "layer1.1.conv1"}
    misfit = {same[0].signature: Schedule("grouped", 7, 99)}
    assert fitting_schedules(graph, target, misfit) == {}


def test_real_short_tuning_is_read_by_the_next_compile(
    tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))
    (private_home / "cache").mkdir()
    (private_home / "cache" / "toolchain").symlink_to(toolchain_cache())
    settings = load_settings()
    settings.make_folders()
    graph = build_model("resnet8")
    found = tune_graph(graph, host_target(), seconds=0.5, settings=settings)
    assert found.rounds >= 1 and found.measured >= 1
    assert home_file(settings).is_file()
    known = known_schedules(graph, host_target(), settings=settings)
    assert known == found.schedules
    # A schedule that was found, whatever its gain, gives the right numbers through the command.
    layers = tuning_space(optimize(graph), host_target())
    store = TuningFile(tmp_path / "named.json")
    for layer in layers:
        store.entry(host_target().full_name, layer.signature).schedule = layer.choices[0][0]
    store.save()
    named = str(tmp_path / "named.json")
    package = tmp_path / "package"
    words = ["compile", "resnet8", "--target", "host", "--out", str(package)]
    assert main([*words, "--tuning-file", named]) == 0
    manifest = json.loads((package / "manifest.json").read_text())
    assert sum(layer["tuned"] for layer in manifest["layers"]) == len(layers)
    np.save(tmp_path / "x.npy", np.fromfile(package / "input.bin", "<f4").reshape(1, 3, 32, 32))
    out = tmp_path / "y.npy"
    assert (
        main(["run", str(package), "--input", str(tmp_path / "x.npy"), "--output", str(out)]) == 0
    )
    wanted = np.fromfile(package / "expected.bin", "<f4")
    assert np.abs(np.load(out).ravel() - wanted).max() <= 1e-3 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--target", "aarch64-a76", "--tune", "1"], "does not run aarch64-a76"),
        (["--target", "host", "--tuning-file", "/nowhere.json"], "no tuning file"),
        (["--target", "host", "--tune", "1", "--tune-on", "moon"], "moon"),
    ],
)
def test_wrong_words_of_tuning(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", "resnet8", "--out", str(tmp_path / "p"), *words]) == 1
    assert sentence in capsys.readouterr().err.strip().splitlines()[-1]


def test_settings_have_a_file_of_their_own(tmp_path: Path) -> None:
    assert home_file(Settings(home=tmp_path)) == tmp_path / "tuning.json"
