"""The accuracy tables: cells well-formed, results kept through kills, statistics, the print."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.bench.accuracy.cell import Cell
from backend.bench.accuracy.plan import candidate_of, pattern_sets, pruned_kernel
from backend.bench.accuracy.profile import PROFILES
from backend.bench.accuracy.pruning_notes import claim_notes, start_notes
from backend.bench.accuracy.pruning_row import DENSE, DENSE_START, PruningRow
from backend.bench.accuracy.pruning_run import METHODS
from backend.bench.accuracy.registry import TABLES, named_tables
from backend.bench.accuracy.report import table_json, table_markdown
from backend.bench.accuracy.run_tables import (
    chosen_cells,
    finished_rows,
    list_cells,
    run_tables,
)
from backend.bench.accuracy.section import sections
from backend.bench.accuracy.shipped_net import ship_net
from backend.bench.accuracy.start import known_start, start_digest, train_start
from backend.bench.accuracy.statistics import mean_of, paired_difference
from backend.bench.accuracy.table import AccuracyTable, percent
from backend.bench.accuracy.tables.algorithms import ROWS
from backend.bench.accuracy.workplace import Workplace
from backend.bench.errors import BenchError
from backend.bench.journal import Journal
from backend.cli.main import main
from backend.data.sample import load_sample
from backend.models.zoo import build_model
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.prune import prune_graph, pruned_layers
from backend.sparsity.report import achieved, overall_rate
from backend.storage.settings import Settings
from backend.training.errors import StoppedError
from codegen.ir.storage import load_graph, save_graph
from tests.fixtures.toolchain import toolchain_cache

IMAGES = 200


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first images of the sample as a data set of its own."""
    data = load_sample()
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(
        path,
        train_images=data.train_images[:IMAGES],
        train_labels=data.train_labels[:IMAGES],
        test_images=data.test_images[:100],
        test_labels=data.test_labels[:100],
    )
    return path


@pytest.fixture(scope="module")
def place(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace with a start that was trained for one epoch."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home)
    settings.make_folders()
    (settings.cache / "toolchain").symlink_to(toolchain_cache())
    made = Workplace(settings, home / "accuracy", PROFILES["tiny"], str(small), say=lambda _: None)
    train_start(made, "resnet8")
    return made


def record(cell: Cell, **values: float) -> dict[str, object]:
    return {
        "key": cell.key,
        "net": cell.net,
        "row": cell.row,
        "seed": cell.seed,
        "facts": dict(cell.facts),
        "values": values,
    }


def test_the_journal_survives_a_line_that_was_cut(tmp_path: Path) -> None:
    cells = [Cell("net", "row", seed, {"rate": 2.0}) for seed in range(3)]
    path = tmp_path / "results.jsonl"
    journal = Journal(path)
    journal.add(record(cells[0], accuracy=0.5))
    journal.add(record(cells[1], accuracy=0.6))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    cut = Journal(path)
    assert cells[0].key in cut
    assert cells[1].key not in cut
    cut.add(record(cells[2], accuracy=0.7))
    assert Journal(path).records.keys() == {cells[0].key, cells[2].key}


def test_the_journal_sees_what_another_process_adds(tmp_path: Path) -> None:
    path, cell = tmp_path / "results.jsonl", Cell("net", "row", 0, {})
    ours, theirs = Journal(path), Journal(path)
    theirs.add(record(cell, accuracy=0.5))
    assert cell.key not in ours
    ours.reload()
    assert cell.key in ours


@pytest.mark.parametrize("line", ["[]", "{}", "no json", '{"key": "a"}'])
def test_a_journal_of_something_else_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(BenchError, match="line 1"):
        Journal(path)


def test_a_cells_key_tells_facts_apart_and_not_titles() -> None:
    cell = Cell("net", "row", 0, {"rate": 2.0, "scheme": "dense"})
    assert cell.key == Cell("net", "other title", 0, {"scheme": "dense", "rate": 2.0}).key
    assert cell.key != Cell("net", "row", 1, cell.facts).key
    assert cell.key != Cell("net", "row", 0, {**cell.facts, "rate": 3.0}).key
    with pytest.raises(BenchError, match="'odd'"):
        _ = Cell("net", "row", 0, {"odd": [1]}).key  # type: ignore[dict-item]


def test_means_and_paired_differences() -> None:
    dense, pruned = {0: 0.90, 1: 0.92, 2: 0.94}, {0: 0.91, 1: 0.93, 2: 0.95}
    mean = mean_of(dense)
    assert mean is not None
    assert mean.value == pytest.approx(0.92)
    assert mean.error == pytest.approx(0.02 / math.sqrt(3))
    difference = paired_difference(pruned, dense)
    assert difference is not None
    assert difference.value == pytest.approx(0.01)
    assert difference.error == pytest.approx(0, abs=1e-12)
    lone = paired_difference({0: 0.95}, dense)
    assert lone is not None
    assert (lone.count, lone.value) == (3, pytest.approx(0.03))
    assert mean_of({}) is None
    assert mean_of({0: 1.0}).error is None  # type: ignore[union-attr]


def _told(tmp_path: Path, start: float, rows: dict[str, tuple[float, ...]]) -> list[str]:
    cells = [Cell("net", DENSE_START, 0, {"row": DENSE_START})]
    journal = Journal(tmp_path / f"{start}.jsonl")
    journal.add(record(cells[0], accuracy=start, least=0.905))
    for row, accuracies in rows.items():
        for seed, accuracy in enumerate(accuracies):
            cells.append(Cell("net", row, seed, {"row": row}))
            journal.add(record(cells[-1], accuracy=accuracy))
    table = AccuracyTable(
        name="made up",
        title="Made up",
        columns=(percent("test %", "accuracy", is_paired=True),),
        cells=lambda _: cells,
        run=lambda *_: {},
        baseline=DENSE,
    )
    (section,) = sections(cells, journal, table.baseline)
    return [*start_notes(section), *claim_notes(section, {"8x": "no loss"})]


def test_an_under_trained_start_claims_nothing(tmp_path: Path) -> None:
    rows = {DENSE: (0.91, 0.91, 0.91), "8x": (0.92, 0.921, 0.922)}
    notes = _told(tmp_path, 0.90, rows)
    assert len(notes) == 1
    assert notes[0].startswith("**Under-trained.**")
    notes = _told(tmp_path, 0.909, rows)
    assert "a gain, +1.10" in notes[1]
    assert "'dense'," in notes[1]
    # what the extra training took from the dense net is no gain of the pruned one
    spoilt = _told(tmp_path, 0.93, rows)
    assert "a loss, -0.90" in spoilt[1]
    assert f"'{DENSE_START}'" in spoilt[1]
    chance = _told(tmp_path, 0.907, {DENSE: (0.91, 0.91, 0.91), "8x": (0.90, 0.91, 0.922)})
    assert "no difference that can be told from chance" in chance[1]


def test_main_kernel_and_layers_of_a_row() -> None:
    resnet, mobile = build_model("resnet8"), build_model("mobilenet_v2", width=0.25)
    assert pruned_kernel(resnet) == (3, 3)
    assert pruned_kernel(mobile) == (1, 1)
    names = [name for name, _ in candidate_of(resnet, LayerChoice("pattern", 2.25)).choices]
    assert "conv1" not in names
    assert len(names) == 6
    mobile_names = dict(candidate_of(mobile, LayerChoice("block_punched", 2)).choices)
    assert "features.1.conv.0.0" not in mobile_names  # depthwise
    assert "features.1.conv.1" in mobile_names


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_name_nets_of_the_zoo(profile: str) -> None:
    for net, plan in PROFILES[profile].nets.items():
        assert build_model(net, input_shape=(3, 32, 32), classes=10).name == net
        assert plan.least is None or 0.5 < plan.least < 1


@pytest.mark.parametrize("name", [name for name in TABLES if name != "mobilenet"])
def test_cells_are_well_formed(place: Workplace, name: str) -> None:
    cells = list(TABLES[name].cells(place))
    assert cells
    keys = [cell.key for cell in cells]
    assert len(set(keys)) == len(keys)
    titles = [(cell.net, cell.row, cell.seed, "latency of" in cell.facts) for cell in cells]
    assert len(set(titles)) == len(titles)


def test_every_scheme_of_a_pruning_table_is_legal(place: Workplace) -> None:
    start = known_start(place, "resnet8")
    assert start is not None
    sets = pattern_sets(place, "resnet8", start.graph)
    for name in ("cifar", "library", "recipe", "algorithms"):
        for cell in TABLES[name].cells(place):
            if isinstance(cell.work, PruningRow) and cell.work.choice is not None:
                candidate = candidate_of(start.graph, cell.work.choice)
                assert len(list(pruned_layers(start.graph, candidate, sets))) == 6


@pytest.mark.parametrize("net", ["resnet20", "vgg16_cifar"])
@pytest.mark.parametrize("rate", [2, 4])
def test_filters_go_at_the_rate_of_the_weights(net: str, rate: float) -> None:
    graph = build_model(net)
    candidate = candidate_of(graph, LayerChoice("filter", rate))
    rates = achieved(prune_graph(graph, candidate), candidate)
    assert overall_rate(rates) == pytest.approx(rate, rel=0.05)


def test_tables_share_cells(place: Workplace) -> None:
    cifar = {cell.key for cell in TABLES["cifar"].cells(place)}
    library = {cell.key for cell in TABLES["library"].cells(place)}
    assert cifar & library


def test_rows_run_once_and_a_cut_one_goes_on(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))
    journal = Journal(tmp_path / "results.jsonl")
    table = (TABLES["cifar"],)
    wanted = chosen_cells("pattern 2.25x", "0")
    place.is_stopped = True
    assert run_tables(table, place, journal, wanted) == 2
    assert not journal.records
    place.is_stopped = False
    assert run_tables(table, place, journal, wanted) == 0
    row, timed = journal.records.values()
    assert row["values"]["pruned_rate"] == pytest.approx(2.25, rel=0.01)
    assert 0 < row["values"]["accuracy"] < 1
    assert timed["values"]["speedup"] > 0
    before = (tmp_path / "results.jsonl").read_bytes()
    assert run_tables(table, place, journal, wanted) == 0
    assert (tmp_path / "results.jsonl").read_bytes() == before
    assert [line.split()[0] for line in list_cells(table, place, journal, wanted)] == ["done"] * 2
    assert run_tables(table, place, journal, chosen_cells("resnet8, dense", "0,1")) == 0
    found = sections(table[0].cells(place), journal, table[0].baseline)
    text = table_markdown(table[0], found)
    assert "**Under-trained.**" in text
    assert "| pattern 2.25x, per kernel (2 of 3 cells) |" in text
    lines = table_json(table[0], found)["sections"][0]["lines"]
    assert [line["row"] for line in lines] == [DENSE_START, DENSE, "pattern 2.25x, per kernel"]
    assert "accuracy_difference" in lines[2]["means"]
    (cell,) = finished_rows(table, place, journal, wanted)
    shipped = ship_net(place, cell, journal.records[cell.key], tmp_path / "weights")
    assert shipped.name == "resnet8-cifar10-pattern-2.25.safetensors"
    told = json.loads(shipped.with_suffix(".json").read_text())
    assert told["graph_digest"] == load_graph(shipped).digest
    assert told["test"]["accuracy"] == pytest.approx(row["values"]["accuracy"], abs=0.02)


def test_a_row_that_is_killed_goes_on_from_its_checkpoint(place: Workplace, tmp_path: Path) -> None:
    """Stopped after some steps and taken up again, it ends as if nothing had happened."""
    table, wanted = (TABLES["recipe"],), chosen_cells("rate 0.02", None)
    whole = Journal(tmp_path / "whole.jsonl")
    assert run_tables(table, place, whole, wanted) == 0
    cut = Workplace(place.settings, tmp_path / "cells", place.profile, place.spec, say=place.say)
    cut.remember("start resnet8", lambda: known_start(place, "resnet8"))
    asked = iter(range(1000))
    stopper = replace_stop(cut, lambda: next(asked) > 1)
    journal = Journal(tmp_path / "cut.jsonl")
    assert run_tables(table, stopper, journal, wanted) == 1
    assert list((tmp_path / "cells").glob("*.part"))
    stopper.should_stop = lambda: False  # type: ignore[method-assign]
    assert run_tables(table, stopper, journal, wanted) == 0
    ((one,), (other,)) = whole.records.values(), journal.records.values()
    assert one["values"]["graph_digest"] == other["values"]["graph_digest"]
    assert not list((tmp_path / "cells").glob("*.part"))


def replace_stop(place: Workplace, stop: Callable[[], bool]) -> Workplace:
    place.should_stop = stop  # type: ignore[method-assign]
    return place


@pytest.mark.parametrize("row", [row for row in ROWS if row.algorithm in METHODS])
def test_every_algorithm_ends_at_the_rate(
    place: Workplace, tmp_path: Path, row: PruningRow
) -> None:
    journal, table = Journal(tmp_path / "results.jsonl"), (TABLES["algorithms"],)
    assert run_tables(table, place, journal, chosen_cells(row.title, "0")) == 0
    (record,) = journal.records.values()
    assert record["values"]["pruned_rate"] == pytest.approx(8.1, rel=0.01)
    assert record["values"]["history"]["algorithm"] == METHODS[row.algorithm][0]
    assert not list(place.folder.glob("*.run"))


def test_a_stopped_cell_is_left_and_said(place: Workplace, tmp_path: Path) -> None:
    def stop(*_: object) -> dict[str, float]:
        msg = "training was stopped after 3 of 9 steps"
        raise StoppedError(msg)

    said: list[str] = []
    cell = Cell("net", "row", 0, {})
    table = AccuracyTable(name="t", title="T", columns=(), cells=lambda _: [cell], run=stop)
    other = Workplace(place.settings, tmp_path / "cells", place.profile, say=said.append)
    journal = Journal(tmp_path / "results.jsonl")
    assert run_tables((table,), other, journal, chosen_cells(None, None)) == 1
    assert "stopped after 3 of 9 steps; the same command goes on there" in said[-1]
    with other.claimed(cell.key) as mine:
        assert mine
        with other.claimed(cell.key) as again:
            assert not again


def test_the_command_lists_refuses_and_writes(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHCARD_HOME", str(tmp_path / "home"))
    words = ["bench", "accuracy", "--profile", "tiny", "--data", str(small)]
    assert main([*words, "--table", "all", "--dry-run"]) == 0
    assert "open" in capsys.readouterr().out
    assert main([*words, "--table", "cifar", "--json", "-", "--markdown"]) == 0
    assert json.loads(capsys.readouterr().out)["tables"][0]["name"] == "cifar"
    assert main([*words, "--table", "nothing"]) == 1
    assert "no accuracy table 'nothing'" in capsys.readouterr().err
    assert main(["bench", "accuracy", "--table", "cifar"]) == 1
    assert "--data" in capsys.readouterr().err
    assert main([*words, "--seeds", "x"]) == 1
    assert "--seeds" in capsys.readouterr().err
    assert main([*words[:-2], "--profile", "huge", "--dry-run", "--data", str(small)]) == 1
    assert "no profile 'huge'" in capsys.readouterr().err


def gpu_place(small: Path, home: Path) -> Workplace:
    """A workplace of the profile for GPUs, cut down to a few images; starts are random."""
    settings = Settings(home=home / "home")
    settings.make_folders()
    profile = replace(PROFILES["cuda"], epochs=1, images=64, repair_images=32, seeds=(0,))
    made = Workplace(settings, home / "cells", profile, str(small), say=lambda _: None)
    for net in profile.nets:
        graph = build_model(
            net,
            input_shape=made.data.input_shape,
            classes=10,
            preprocessing=made.data.preprocessing,
        )
        path = made.path(f"start-{net}-{start_digest(made, net)}", ".safetensors")
        save_graph(graph, path, half=True)
    return made


def test_the_profile_for_gpus_has_all_rows_and_every_one_is_legal(
    small: Path, tmp_path: Path
) -> None:
    made = gpu_place(small, tmp_path)
    rows = {}
    for cell in TABLES["cifar"].cells(made):
        if isinstance(cell.work, PruningRow) and cell.work.choice is not None:
            start = known_start(made, cell.net)
            assert start is not None
            candidate = candidate_of(start.graph, cell.work.choice)
            sets = pattern_sets(made, cell.net, start.graph)
            assert len(list(pruned_layers(start.graph, candidate, sets))) > 10
            rows.setdefault(cell.net, []).append(cell.row)
    assert {net: len(found) for net, found in rows.items()} == {
        "vgg16_cifar": 8,
        "resnet18": 8,
        "mobilenet_v2": 2,
    }


@pytest.mark.slow
@pytest.mark.parametrize("row", ["vgg16_cifar, filter 4x", "mobilenet_v2, block-punched 8.1x"])
def test_rows_of_the_profile_for_gpus_run(small: Path, tmp_path: Path, row: str) -> None:
    made, journal = gpu_place(small, tmp_path), Journal(tmp_path / "results.jsonl")

    def wanted(cell: Cell) -> bool:
        return f"{cell.net}, {cell.row}" == row and isinstance(cell.work, PruningRow)

    assert run_tables((TABLES["cifar"],), made, journal, wanted) == 0
    (record,) = journal.records.values()
    assert record["values"]["rate"] > 2


def test_names_of_tables() -> None:
    assert named_tables("all") == tuple(TABLES.values())
    assert [table.name for table in named_tables("library, cifar")] == ["library", "cifar"]
