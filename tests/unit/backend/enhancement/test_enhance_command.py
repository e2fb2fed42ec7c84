"""The study from the command line and as a job: files, JSON, what is kept, and errors."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.cli.main import main
from backend.enhancement.errors import EnhancementError
from backend.enhancement.order import PruneOrder, StudyOrder
from backend.enhancement.pruned_net import candidate_of
from backend.enhancement.settings import StudySettings
from backend.jobs.context import JobContext
from backend.jobs.enhance import enhance
from backend.jobs.errors import CancelledError
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.states import JobState
from backend.services import enhancement
from backend.services.nets import base_of, list_nets, open_net
from backend.sparsity.prune import prune_graph
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from codegen.errors import GraphError
from codegen.ir.storage import save_graph
from tests.fixtures.image_sets import bars, small_net


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = bars(200)
    arrays = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "bars.npz", **{name: getattr(data, name) for name in arrays})
    dense = small_net(data)
    save_graph(dense, tmp_path / "dense.safetensors")
    pruned = prune_graph(dense, candidate_of(dense, PruneOrder("unstructured", 2.0)))
    save_graph(pruned, tmp_path / "pruned.safetensors")
    Image.new("RGB", (40, 30), (200, 30, 90)).save(tmp_path / "mine.png")
    return tmp_path


def test_two_saved_nets_end_as_pictures_scores_and_a_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = ["--dense", str(folder / "dense.safetensors")]
    nets += ["--pruned", str(folder / "pruned.safetensors"), "--data", str(folder / "bars.npz")]
    words = ["enhance", *nets, "--methods", "guided,integrated", "--out", str(folder / "out")]
    images = ["--images", str(folder / "mine.png"), "--count", "4", "--shown", "3"]
    assert main([*words, *images, "--json", "-"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report == json.loads((folder / "out" / "study.json").read_text())
    assert report["count"] == 5
    assert report["rate"] == pytest.approx(2.0, abs=0.05)
    assert report["verdict"] == "undecided"
    assert "%" in printed.err
    pictures = sorted(path.name for path in (folder / "out").glob("*.png"))
    assert len(pictures) == 3
    assert pictures[0] == "01-mine-png.png"
    rows = json.loads((folder / "out" / "pictures.json").read_text())
    assert {row["method"] for row in rows} == {"guided", "integrated"}


def test_the_dense_net_is_pruned_on_the_spot_where_no_other_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["enhance", "--dense", str(folder / "dense.safetensors"), "--count", "3"]
    words += ["--data", str(folder / "bars.npz"), "--methods", "guided", "--rate", "3"]
    words += ["--scheme", "unstructured", "--out", str(folder / "out")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "unstructured 3x, repaired" in printed
    assert "Undecided: 3 pictures were scored" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--pruned", "gone-3"], "'gone-3' is no candidate of a search"),
        (["--dense", "resnet56"], "has no trained weights"),
        (["--dense", "nothing"], "there is no net 'nothing'"),
        (["--images", "gone.png"], "there is no picture or folder"),
        (["--methods", "gradcam"], "there is no method 'gradcam'"),
        (["--data", "-"], "name a data set"),
        (["--scheme", "round"], "can be pruned by 'round'"),
    ],
)
def test_a_users_error_is_one_sentence_and_leaves_no_folder(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enhance", *words, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence in error
    assert not (tmp_path / "out").exists()


def order_of(folder: Path, **fields: object) -> StudyOrder:
    settings = StudySettings(methods=("guided",), shown=2)
    return StudyOrder(
        dense=str(folder / "dense.safetensors"),
        pruned=str(folder / "pruned.safetensors"),
        data=str(folder / "bars.npz"),
        count=3,
        settings=settings,
    )


def claimed() -> tuple[JobContext, LeaseTable]:
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("test", "short")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    context = JobContext(found, settings=settings, database=database, leases=leases, log=log)
    return context, leases


def test_a_job_keeps_report_pictures_and_rows_for_the_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.jobs.enhance.os.nice", lambda steps: steps)
    order = order_of(folder).to_json()
    files = [("mine.png", (folder / "mine.png").read_bytes())]
    job = enhancement.start_study(order, files, request_id="one")
    assert enhancement.start_study(order, files, request_id="one") == job
    waiting = enhancement.get_study(job)
    assert waiting.report is None
    with pytest.raises(EnhancementError, match="has not finished"):
        enhancement.pictures_zip(job)
    context, leases = claimed()
    result = enhance(context)
    leases.finish(context.job_id, context.token, JobState.DONE, result=result)
    view = enhancement.get_study(job)
    assert view.report is not None
    assert view.report["count"] == 4
    assert [item.name for item in view.exhibits][0] == "mine.png"
    assert view.exhibits[0].sights["guided"].dense.dtype == np.uint8
    assert len(enhancement.picture_rows(job)) == 4 * (3 + 1 + 2)
    archive = zipfile.ZipFile(io.BytesIO(enhancement.pictures_zip(job)))
    assert len(archive.namelist()) == 2
    assert [study.job.id for study in enhancement.list_studies()] == [job]


def test_a_cancelled_job_ends_with_the_next_batch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.jobs.enhance.os.nice", lambda steps: steps)
    enhancement.start_study(order_of(folder).to_json())
    context, _ = claimed()
    context.stop()
    with pytest.raises(CancelledError):
        enhance(context)


def test_orders_make_the_round_trip_and_refuse_what_is_unknown(folder: Path) -> None:
    order = order_of(folder)
    assert StudyOrder.from_json(order.to_json()) == order
    assert StudyOrder.from_json(json.loads(json.dumps(order.to_json()))) == order
    with pytest.raises(EnhancementError, match="no order of a study"):
        enhancement.start_study({"model": "resnet20"})
    with pytest.raises(EnhancementError, match="at most 50"):
        enhancement.start_study(order.to_json(), [("a.png", b"")] * 51)


def test_nets_are_found_by_what_lies_in_the_weights_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "resnet20-sample" in [net.name for net in list_nets()]
    monkeypatch.setattr("backend.services.nets.WEIGHTS_FOLDER", folder)
    names = [net.name for net in list_nets() if net.kind == "shipped"]
    assert names == ["dense", "pruned"]
    assert open_net("pruned") == open_net(str(folder / "pruned.safetensors"))
    with pytest.raises(GraphError, match="no candidate"):
        base_of("resnet20")
    with pytest.raises(GraphError, match="there is no search 'gone'"):
        open_net("dense:gone")
