"""NPAS phase 3 on a finished trial: bake-off, full run, proof, and what a user may do wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.config.errors import ConfigError
from backend.config.finalize_file import load_finalize, parse_finalize
from backend.finalization import run as run_module
from backend.finalization.contestants import CONTESTANTS
from backend.finalization.finalize_job import finalize
from backend.finalization.judge import compare, judge
from backend.finalization.time_left import Work
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.search.records import SearchError
from backend.services.candidates import candidate_folder, get_candidate, layer_mask
from backend.services.deployments import start_deployment
from backend.services.finalizations import (
    contestant_choices,
    default_settings,
    get_finalization,
    list_finalizations,
    start_finalization,
)
from backend.sparsity.candidate import Candidate
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.training.algorithms import ALGORITHMS
from backend.training.evaluate import evaluate
from codegen.ir.storage import load_graph
from tests.fixtures.finished_search import (
    TRIAL_ID,
    finish_search,
    share_toolchain,
    trained_net,
)
from tests.fixtures.image_sets import bars

SETTINGS: dict[str, Any] = {
    "bake_epochs": 1,
    "bake_images": 120,
    "epochs": 2,
    "batch": 32,
    "repair_images": 64,
    "validation_images": 100,
}


def claim() -> JobContext:
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("test", "search")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


@pytest.fixture
def trial(tmp_path: Path) -> str:
    share_toolchain()
    return finish_search(tmp_path)


def test_bake_off_full_run_and_proof(trial: str) -> None:
    identity = start_finalization(trial, SETTINGS)
    result = finalize(claim())
    view = get_finalization(identity)
    assert result == {"candidate": f"{identity}-final", "winner": view.winner}
    assert [row["name"] for row in view.contestants] == list(CONTESTANTS)
    assert {row["state"] for row in view.contestants} == {"done"}
    by_name = {row["name"]: row for row in view.contestants}
    best = min(by_name.values(), key=lambda row: row["loss"])
    assert best["name"] == view.winner
    assert (best["behind"], best["behind_se"]) == (0.0, 0.0)
    assert all(row["loss_se"] > 0 and row["behind"] >= 0 for row in by_name.values())
    # The winner's own training reports the losses that the page draws.
    assert len(view.full_run["history"]) >= 2
    assert view.full_run["history"][-1]["validation_loss"] > 0
    assert view.result is not None
    assert view.result["verified"]
    assert view.result["test"]["final"]["count"] == 200
    assert set(view.result["test"]) == {"final", "dense", "before"}
    json.dumps(view.result)
    # A candidate in its own right.
    final = get_candidate(f"{identity}-final")
    assert (final.search_id, final.rate) == ("5ea4c001", view.result["rate"])
    assert {layer.name: layer.scheme for layer in final.layers}["middle"] == "pattern"
    kept = layer_mask(f"{identity}-final", "middle").sum()
    assert kept == round(8 * 8 * 9 / 4.0)
    assert final.test_accuracy == view.result["test"]["final"]["accuracy"]
    assert start_deployment(f"{identity}-final", "local")
    folder = candidate_folder(f"{identity}-final")
    graph = load_graph(folder / "graph.safetensors")
    data = bars(600)
    seen = evaluate(graph, data.test_images, data.test_labels)
    assert seen.accuracy == final.test_accuracy
    # Checkpoints and contestants are gone.
    assert [path.name for path in folder.parent.iterdir()] == ["final"]
    assert [item.id for item in list_finalizations(trial)] == [identity]
    with pytest.raises(SearchError, match="is finalised already"):
        start_finalization(f"{identity}-final")


def test_stopped_run_goes_on_and_ends_the_same(trial: str) -> None:
    """Stopped inside a training: contestants that had ended are not trained again."""
    chosen = {**SETTINGS, "contestants": ["magnitude", "least_squares"]}
    whole = start_finalization(trial, chosen)
    finalize(claim())
    wanted = load_graph(candidate_folder(f"{whole}-final") / "graph.safetensors").digest
    identity = start_finalization(trial, chosen)
    first = claim()
    calls = 0

    def should_stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 14

    first.should_stop = should_stop  # type: ignore[method-assign]
    with pytest.raises(CancelledError):
        finalize(first)
    view = get_finalization(identity)
    assert view.contestants[0]["state"] == "done"
    assert view.result is None
    seconds = view.contestants[0]["seconds"]
    assert finalize(first_again(first))["candidate"] == f"{identity}-final"
    assert get_finalization(identity).contestants[0]["seconds"] == seconds
    found = load_graph(candidate_folder(f"{identity}-final") / "graph.safetensors").digest
    assert found == wanted


def first_again(context: JobContext) -> JobContext:
    """The same job in a fresh run that nobody stops."""
    del context.should_stop  # type: ignore[method-assign]
    return context


def test_contestant_that_cannot_do_it_is_left_out(
    trial: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        msg = "training broke down: values are no longer finite at layer 'wide'"
        raise SearchError(msg)

    monkeypatch.setattr(ALGORITHMS["admm"], "run", broken)
    identity = start_finalization(trial, {**SETTINGS, "contestants": ["admm", "magnitude"]})
    finalize(claim())
    view = get_finalization(identity)
    assert view.winner == "magnitude"
    assert view.contestants[0]["state"] == "failed"
    assert "no longer finite at layer 'wide'" in view.contestants[0]["error"]
    start_finalization(trial, {**SETTINGS, "contestants": ["admm"]})
    with pytest.raises(SearchError, match="no contestant came through.*ADMM: training broke"):
        finalize(claim())


def test_what_is_gone_is_told(trial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SearchError, match="there is no candidate '5ea4c001-7'"):
        start_finalization("5ea4c001-7")
    start_finalization(trial, SETTINGS)
    context = claim()
    monkeypatch.setattr(run_module, "ROOM_BYTES", 1 << 62)
    with pytest.raises(SearchError, match="MB left, a finalisation of this net needs about"):
        finalize(context)
    (tmp_path / "bars.npz").unlink()
    with pytest.raises(SearchError, match=f"the data set .* of candidate {trial} is gone"):
        finalize(context)


def test_dense_candidate_has_nothing_to_finalise(tmp_path: Path) -> None:
    finish_search(tmp_path, Candidate())
    with pytest.raises(SearchError, match="dense everywhere"):
        start_finalization(TRIAL_ID)


def test_one_intent_is_one_finalisation(trial: str) -> None:
    first = start_finalization(trial, SETTINGS, request_id="click")
    assert start_finalization(trial, SETTINGS, request_id="click") == first
    assert start_finalization(trial, SETTINGS) != first


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="contestants.*no contestant 'luck'.*magnitude, admm"):
        parse_finalize({"contestants": ["luck"]})
    with pytest.raises(ConfigError, match="finalisation, epoch: "):
        parse_finalize({"epoch": 3})
    with pytest.raises(ConfigError, match="epochs"):
        parse_finalize({"epochs": 0})
    path = tmp_path / "final.yaml"
    path.write_text("epochs: 7\ncontestants: [admm, admm]\n")
    found = load_finalize(path)
    assert (found.epochs, found.contestants) == (7, ("admm",))
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="holds no settings"):
        load_finalize(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_finalize(tmp_path / "none.yaml")
    assert parse_finalize(default_settings()) == parse_finalize({})
    assert [item.name for item in contestant_choices()] == list(CONTESTANTS)


def test_every_contestant_names_an_algorithm() -> None:
    assert {row.algorithm for row in CONTESTANTS.values()} <= set(ALGORITHMS)


def test_differences_are_paired() -> None:
    """Two nets with noisy losses that differ by a constant: the difference has no error."""
    losses = np.random.default_rng(0).exponential(1.0, 500)
    winner, behind = compare({"worse": losses + 0.1, "best": losses, "same": losses})
    assert winner == "best"
    assert behind["worse"] == pytest.approx((0.1, 0.0), abs=1e-12)
    assert behind["best"] == behind["same"] == (0.0, 0.0)


def test_judgement_agrees_with_evaluate() -> None:
    data = bars(300)
    net = trained_net(data)
    seen = judge(net, data, np.arange(50, 150))
    wanted = evaluate(net, data.train_images[50:150], data.train_labels[50:150])
    assert seen.loss == pytest.approx(wanted.loss, rel=1e-5)
    assert (seen.accuracy, seen.accuracy_se) == (wanted.accuracy, wanted.standard_error)
    assert seen.loss_se == pytest.approx(seen.losses.std(ddof=1) / 10)


def test_work_counts_images_over_phases() -> None:
    work = Work(200, 800)
    work.begin()
    work.at("admm", 1, 2, 100)
    assert work.share == (50, 1000)
    work.at("fine-tune", 1, 2, 100)
    assert work.share == (75, 1000)
    assert work.left().endswith("left")
    work.finish(100)
    assert work.share == (100, 1000)
    work.finish(900)
    assert work.share == (999, 1000)
