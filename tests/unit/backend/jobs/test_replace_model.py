"""NPAS phase 1 from start to end: trained net in, hard net kept, both compiled and timed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from sqlalchemy import select
from typer.testing import CliRunner

from backend.cli.replace import register
from backend.config.search_file import parse_config
from backend.data.image_data import ImageData
from backend.data.splits import split_validation
from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kept_model import keep_model
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.queue import request_stop, submit
from backend.jobs.replace_model import replace_model
from backend.jobs.states import Wanted
from backend.models.graph_module import GraphModule
from backend.models.replace_operations import replaceable
from backend.search.preparation import prepare
from backend.services import models
from backend.services.replacements import list_replaceable, start_replacement
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import UploadedModel
from backend.training.fine_tune import fine_tune
from backend.training.replacement import replace_and_tune
from codegen.errors import GraphError
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir.graph import Graph
from codegen.ir.storage import save_graph
from tests.fixtures.image_sets import bars, excited_net
from tests.fixtures.toolchain import toolchain_cache


def trained(data: ImageData) -> Graph:
    indices = split_validation(data).train_indices
    return fine_tune(excited_net(data), data, indices, epochs=6, lr=0.2, batch=16)


@pytest.fixture
def data_path(tmp_path: Path) -> Path:
    settings = load_settings()
    settings.cache.mkdir(parents=True, exist_ok=True)
    (settings.cache / "toolchain").symlink_to(toolchain_cache(), target_is_directory=True)
    data = bars(600)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(data, name) for name in arrays})
    return tmp_path / "bars.npz"


def claim() -> JobContext:
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("test", "search")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


def kept(graph: Graph, name: str) -> str:
    """Keep a graph as a user's model, through a job of its own."""
    database = open_database()
    submit(database, "replace_model", {}, lane="search")
    context = claim()
    found = keep_model(context, graph, name, name)
    request_stop(database, context.job_id, Wanted.CANCEL)
    return found


def test_training_gives_back_what_the_hard_forms_cost() -> None:
    data = bars(600)
    graph = trained(data)
    done = replace_and_tune(graph, data, epochs=2, with_control=True)
    assert done.original.accuracy > 0.9
    assert [row.node for row in done.rows] == ["swish", "inner", "gate", "bounded"]
    assert not replaceable(done.graph)
    assert done.tuned.loss < done.replaced.loss
    assert done.tuned.accuracy > done.original.accuracy - 0.02
    assert done.control is not None
    again = replace_and_tune(graph, data, epochs=2)
    assert again.graph.digest == done.graph.digest
    kept_soft = replace_and_tune(graph, data, epochs=0, skip=["bounded", "gate"])
    assert kept_soft.graph.by_name["bounded"].op == "tanh"
    assert kept_soft.tuned == kept_soft.replaced


def test_job_keeps_a_model_that_a_search_takes(data_path: Path) -> None:
    data = bars(600)
    name = kept(trained(data), "excited")
    rows = list_replaceable(name)
    assert [(row.node, row.becomes, row.is_gate) for row in rows] == [
        ("swish", "hard_swish", False),
        ("inner", "hard_swish", False),
        ("gate", "hard_sigmoid", True),
        ("bounded", "clip", False),
    ]
    start_replacement(name, str(data_path), skip=["bounded"], epochs=1, images=200)
    report = replace_model(claim())
    json.dumps(report)
    assert report["model"] == "excited-hard"
    assert [row["node"] for row in report["rows"]] == ["swish", "inner", "gate"]
    assert all(row["before_ms"] > 0 and row["after_ms"] > 0 for row in report["rows"])
    assert report["timing"]["max_relative_error"] < 1e-4
    assert report["accuracy"]["tuned"]["count"] == 200
    hard = models.open_model("excited-hard")
    assert [hard.by_name[n].op for n in ("swish", "gate", "bounded")] == [
        "hard_swish",
        "hard_sigmoid",
        "tanh",
    ]
    assert "excited-hard" in [card.name for card in models.list_models()]
    config = parse_config({"model": "excited-hard", "data": str(data_path)})
    settings = load_settings()
    assert (
        prepare(config, open_database(), open_artifacts(settings)).digests["model"] == hard.digest
    )


def test_measuring_trains_and_keeps_nothing(data_path: Path) -> None:
    name = kept(excited_net(bars(60)), "excited")
    start_replacement(name, str(data_path), measure_only=True)
    report = replace_model(claim())
    assert report["of"] == "excited"
    assert report["model"] is None
    bounded = next(row for row in report["rows"] if row["node"] == "bounded")
    assert bounded["after_ms"] > 0
    with open_database().read() as session:
        assert list(session.scalars(select(UploadedModel.name))) == ["excited"]


def test_cancelled_job_keeps_nothing(data_path: Path) -> None:
    name = kept(excited_net(bars(60)), "excited")
    job_id = start_replacement(name, str(data_path), epochs=50)
    context = claim()
    request_stop(open_database(), job_id, Wanted.CANCEL)
    context.stop()
    with pytest.raises(CancelledError):
        replace_model(context)
    with open_database().read() as session:
        assert list(session.scalars(select(UploadedModel.name))) == ["excited"]


def test_nothing_chosen_and_unknown_models_are_told(data_path: Path) -> None:
    name = kept(excited_net(bars(60)), "excited")
    everything = [row.node for row in list_replaceable(name)]
    with pytest.raises(GraphError, match="Nothing is chosen to be replaced in 'excited'"):
        start_replacement(name, skip=everything)
    with pytest.raises(GraphError, match="There is no model 'nobody'"):
        start_replacement("nobody")


def test_command_writes_the_hard_model_and_its_report(data_path: Path, tmp_path: Path) -> None:
    data = bars(600)
    save_graph(trained(data), tmp_path / "soft.safetensors")
    app = typer.Typer()
    register(app)
    words = [str(tmp_path / "soft.safetensors"), "--data", str(data_path)]
    words += ["--out", str(tmp_path / "hard.onnx"), "--skip", "gate", "--json", "-"]
    result = CliRunner().invoke(app, [*words, "--images", "200"])
    assert result.exception is None, result.output
    report = json.loads(result.stdout)
    assert report["skipped"] == ["gate"]
    hard = import_onnx(tmp_path / "hard.onnx", name="hard")
    assert [row.op for row in replaceable(hard)] == ["sigmoid"]
    assert GraphModule(hard) is not None
    result = CliRunner().invoke(app, [*words, "--skip", "fc"])
    assert isinstance(result.exception, GraphError)
    assert "'fc' is no operation that can be replaced" in str(result.exception)
