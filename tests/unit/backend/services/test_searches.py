"""Searches and candidates as the page reads them, without running anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from backend.jobs.errors import JobError
from backend.search.records import SearchError
from backend.search.samplers import make_sampler
from backend.search.study import SearchStudy, open_storage
from backend.services import candidates, searches
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import natural_patterns
from backend.sparsity.prune import prune_graph
from backend.storage.open_database import open_database
from backend.storage.tables import Search
from codegen.ir.storage import save_graph
from tests.unit.backend.search.small_problem import small_graph, small_problem

RECORD = {
    "accuracy": 0.91,
    "accuracy_se": 0.006,
    "latency_ms": 0.5,
    "latency_spread_ms": 0.01,
    "dense_latency_ms": 1.0,
    "speedup": 2.0,
    "rate": 3.0,
    "size_bytes": 1000,
    "max_relative_error": 1e-6,
    "verified": True,
    "layer_ms": {"layer1.0.conv1": 0.05},
}


def test_default_configuration_is_valid_and_can_be_started() -> None:
    config = searches.default_config()
    assert searches.validate_config(config) == []
    view = searches.get_search(searches.start_search(config, request_id="r"))
    assert (view.state, view.finished_trials, view.total_trials) == ("queued", 0, 24)
    assert view.trials == () and view.front == () and view.dense is None
    assert view.config is not None and view.config["model"] == "resnet20"


def test_same_intent_twice_is_one_search() -> None:
    config = searches.default_config()
    first = searches.start_search(config, request_id="click")
    assert searches.start_search(config, request_id="click") == first
    assert searches.start_search(config, request_id="another click") != first
    assert [summary.id for summary in searches.list_searches()].count(first) == 1
    assert searches.get_search("last").id != first


def test_search_that_waits_is_cancelled_and_resumed() -> None:
    search_id = searches.start_search(searches.default_config())
    searches.pause_search(search_id)
    assert searches.get_search(search_id).state == "paused"
    searches.resume_search(search_id)
    assert searches.get_search(search_id).state == "queued"
    searches.cancel_search(search_id)
    view = searches.get_search(search_id)
    assert (view.state, view.can_resume) == ("cancelled", True)


@pytest.mark.parametrize("search_id", ["deadbeef", "last", "../x"])
def test_unknown_search_is_one_sentence(search_id: str) -> None:
    for ask in (searches.get_search, searches.cancel_search, searches.resume_search):
        with pytest.raises((SearchError, JobError), match="there is no search"):
            ask(search_id)


@pytest.fixture
def trial_id(private_home: Path) -> str:
    """One finished trial with its files, as a run leaves them."""
    search_id = searches.start_search(searches.default_config())
    database = open_database()
    problem = small_problem(schemes=["pattern"], rates=[4.0])
    study = SearchStudy(
        open_storage(database.url), search_id, problem.space, make_sampler("random", 0, problem), 0
    )
    proposal = study.propose()
    assert proposal is not None
    folder = private_home / "artifacts" / "searches" / search_id / "x"
    (folder / "package" / "src").mkdir(parents=True)
    graph = small_graph()
    sets = {"natural-8": natural_patterns(graph)}
    save_graph(
        prune_graph(graph, proposal.candidate, pattern_sets=sets), folder / "graph.safetensors"
    )
    layer = {"op": "conv", "macs": 100, "nonzero_macs": 25, "kernel": "k", "source": "k.c"}
    manifest = {
        "layers": [{"name": "layer1.0.conv1", **layer}],
        "files": {"src/k.c": "hash", "model": "hash"},
    }
    (folder / "package" / "manifest.json").write_text(json.dumps(manifest))
    (folder / "package" / "src" / "k.c").write_text("int k;")
    rates = [{"name": "layer1.0.conv1", "scheme": "pattern", "asked": 4.0, "achieved": 4.01}]
    (folder / "evaluation.json").write_text(json.dumps({"layers": rates}))
    (folder / "timing.json").write_text(json.dumps({"samples_ms": [0.4, 0.5, 0.6]}))
    record = {**RECORD, "folder": str(folder.relative_to(private_home))}
    study.complete(proposal, 0.91, 0.5, record, {})
    study.annotate(proposal.number, "test", {"accuracy": 0.9})
    number = f"{search_id}-{proposal.number}"
    with database.write() as session:
        row = session.get_one(Search, search_id)
        row.front = [number]
        row.finished_trials = 1
        row.dense = {**RECORD, "accuracy": 0.92, "layer_ms": {"layer1.0.conv1": 0.2}}
    return number


def test_finished_trial_stands_in_the_search_with_its_numbers(trial_id: str) -> None:
    view = searches.get_search(trial_id.rpartition("-")[0])
    (row,) = view.trials
    assert (row.id, row.state, row.on_front, row.verified) == (trial_id, "done", True, True)
    assert (row.accuracy, row.latency_ms, row.speedup, row.test_accuracy) == (0.91, 0.5, 2.0, 0.9)
    assert view.dense is not None and view.dense.accuracy == 0.92


def test_candidate_shows_layers_sources_samples_and_a_plan(trial_id: str) -> None:
    view = candidates.get_candidate(trial_id)
    (layer,) = view.layers
    assert (layer.scheme, layer.rate_asked, layer.rate) == ("pattern", 4.0, 4.01)
    assert (layer.ms, layer.dense_ms, layer.kernel, layer.source) == (0.05, 0.2, "k", "k.c")
    assert view.sources == (("k.c", "int k;"),)
    assert view.samples_ms == (0.4, 0.5, 0.6)
    assert (view.accuracy, view.dense_accuracy, view.test_accuracy) == (0.91, 0.92, 0.9)
    plan = yaml.safe_load(view.plan_yaml)
    assert plan["default"] == {"scheme": "dense"}
    assert {entry["scheme"] for entry in plan["layers"].values()} <= {"dense", "pattern"}


def test_candidate_shows_what_stands_in_a_layers_place(trial_id: str, private_home: Path) -> None:
    folder = candidates.candidate_folder(trial_id)
    layer = {"op": "conv", "macs": 100, "nonzero_macs": 25, "kernel": "k", "source": "k.c"}
    names = ("layer1.0.conv1.dw", "layer1.0.conv1")
    manifest = {"layers": [{"name": name, **layer} for name in names], "files": {}}
    (folder / "package" / "manifest.json").write_text(json.dumps(manifest))
    rates = [
        {"name": names[0], "scheme": "pattern", "asked": 2.25, "achieved": 2.25},
        {
            "name": names[1],
            "scheme": "block_punched",
            "asked": 2.0,
            "achieved": 2.0,
            "filter_type": "dw3x3_conv1x1",
        },
    ]
    parts = {"layer1.0.conv1": list(reversed(names)), "layer1.0.conv2": []}
    (folder / "evaluation.json").write_text(json.dumps({"layers": rates, "parts": parts}))
    first, last, gone = candidates.get_candidate(trial_id).layers
    assert (first.part_of, first.filter_type, first.scheme) == (names[1], "keep", "pattern")
    assert (last.part_of, last.filter_type) == ("", "dw3x3_conv1x1")
    assert last.total_ms is None  # the part was not timed
    assert (gone.name, gone.filter_type, gone.ms) == ("layer1.0.conv2", "skip", None)


def test_plan_of_a_candidate_is_read_back_as_the_same_candidate(
    trial_id: str, tmp_path: Path
) -> None:
    from backend.config.plan_file import load_plan

    view = candidates.get_candidate(trial_id)
    path = tmp_path / "PLAN.yaml"
    path.write_text(view.plan_yaml)
    plan = load_plan(path, small_graph())
    assert isinstance(plan, Candidate)
    masks = {name: candidates.layer_mask(trial_id, name) for name, _ in plan.choices}
    assert all(mask.mean() == pytest.approx(0.25, abs=0.05) for mask in masks.values())


def test_mask_has_the_shape_of_the_weight(trial_id: str) -> None:
    mask = candidates.layer_mask(trial_id, "layer1.0.conv1")
    assert mask.shape == (16, 16, 3, 3) and mask.dtype == np.bool_
    assert candidates.layer_mask(trial_id, "fc").shape == (10, 64, 1, 1)
    with pytest.raises(SearchError, match="no layer 'relu' with weights"):
        candidates.layer_mask(trial_id, "relu")


@pytest.mark.parametrize("trial_id", ["nothing", "deadbeef-0", "x-y", "-1"])
def test_unknown_candidate_is_one_sentence(trial_id: str) -> None:
    with pytest.raises(SearchError, match="there is no candidate"):
        candidates.get_candidate(trial_id)
