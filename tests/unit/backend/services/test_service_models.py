"""Models, data and patterns as the page sees them."""

from __future__ import annotations

import json

import pytest

from backend.jobs.context import JobContext
from backend.jobs.import_model import import_model
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.models.zoo import MODELS, build_model
from backend.services import data, models, pattern_study, patterns
from backend.services.build_model_reports import REPORTS, zoo_graph
from backend.services.jobs import get_job
from backend.services.model_report import from_json, report_of, to_json
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from codegen.errors import GraphError, ImportRefusedError, PlanError
from codegen.exchange.onnx_exporter import export_onnx

CROSS = [(0, 1, 0, 1, 1, 1, 0, 0, 0), (0, 1, 0, 1, 1, 0, 0, 1, 0)]


def run_import(job_id: str) -> dict[str, object]:
    """Run an import job in this process, as its runner would."""
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    claim = leases.claim("test", "short")
    assert claim is not None
    assert claim.job_id == job_id
    log = open_log(settings.logs / "test.jsonl")
    context = JobContext(claim, settings=settings, database=database, leases=leases, log=log)
    return dict(import_model(context))


@pytest.mark.parametrize("name", ["resnet20", "vgg_small", "mobilenet_v2"])
def test_shipped_reports_are_those_of_the_models(name: str) -> None:
    """Else: python -m backend.services.build_model_reports."""
    stored = json.loads(REPORTS.read_text())
    assert set(stored) == set(MODELS)
    fresh = report_of(zoo_graph(name, "sample"), name, MODELS[name].title)
    assert from_json(stored[name]) == fresh
    assert from_json(json.loads(json.dumps(to_json(fresh)))) == fresh


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_all_shipped_reports_are_those_of_the_models(name: str) -> None:
    fresh = report_of(zoo_graph(name, "sample"), name, MODELS[name].title)
    assert models.describe_model(name) == fresh


def test_cards_and_report_of_a_base_model_agree() -> None:
    card = next(card for card in models.list_models() if card.name == "resnet20")
    report = models.describe_model("resnet20")
    assert (card.parameters, card.macs, card.source) == (report.parameters, report.macs, "zoo")
    assert report.input_shape == (1, 28, 28)
    assert report.macs == sum(row.macs for row in report.layers)
    conv = next(row for row in report.layers if row.op == "conv" and row.weight_shape[2:] == (3, 3))
    assert "pattern" in conv.legal_schemes
    assert all(not row.legal_schemes for row in report.layers if not row.weight_shape)


def test_card_of_the_shipped_net_tells_its_test_accuracy() -> None:
    card = next(card for card in models.list_models() if card.name == "resnet20")
    assert card.trained
    assert card.accuracy is not None
    assert card.accuracy > 0.93


def test_unknown_model_is_told() -> None:
    with pytest.raises(GraphError, match="There is no model 'nothing'"):
        models.describe_model("nothing")


def test_uploaded_model_is_imported_and_described_like_a_base_model() -> None:
    graph = build_model("resnet8", input_shape=(1, 12, 12), classes=4)
    job_id = models.submit_model("My net (v2).onnx", export_onnx(graph))
    (upload,) = load_settings().uploads.iterdir()
    assert upload.stat().st_mode & 0o777 == 0o600
    assert run_import(job_id) == {"model": "My-net-v2"}
    assert not list(load_settings().uploads.iterdir())
    report = models.describe_model("My-net-v2")
    assert (report.input_shape, report.classes) == ((1, 12, 12), 4)
    card = models.list_models()[-1]
    assert (card.name, card.title, card.source) == ("My-net-v2", "My net (v2)", "upload")
    assert pattern_study.extract_patterns("My-net-v2", 4).coverage
    # The same file again is the same model; another of the name stands beside it.
    assert run_import(models.submit_model("My net (v2).onnx", export_onnx(graph))) == {
        "model": "My-net-v2"
    }
    other = export_onnx(build_model("resnet8", input_shape=(1, 12, 12), classes=5))
    assert run_import(models.submit_model("My net (v2).onnx", other)) == {"model": "My-net-v2-2"}


@pytest.mark.parametrize(
    ("file_name", "content"),
    [("model.onnx", b""), ("model.onnx", b"PK\x03\x04zip"), ("model.pt", b"\x08\x07")],
    ids=["empty", "zip", "torch"],
)
def test_upload_that_is_no_onnx_file_is_refused_unread(file_name: str, content: bytes) -> None:
    with pytest.raises(ImportRefusedError, match="is not an ONNX file"):
        models.submit_model(file_name, content)
    assert not load_settings().uploads.exists()


def test_upload_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHCARD_UPLOAD_LIMIT_BYTES", "1000000")
    with pytest.raises(ImportRefusedError, match="is larger than 1 MB"):
        models.submit_model("model.onnx", b"\x08" * 1_000_001)


def test_damaged_upload_fails_with_the_importers_sentence() -> None:
    content = export_onnx(build_model("resnet8", input_shape=(1, 12, 12), classes=4))
    job_id = models.submit_model("cut.onnx", content[: len(content) // 2])
    with pytest.raises(ImportRefusedError, match="cut off or damaged"):
        run_import(job_id)
    assert get_job(job_id).result is None
    assert "cut" not in {card.name for card in models.list_models()}


def test_sample_data_are_listed() -> None:
    (card,) = [card for card in data.list_data() if card.name == "sample"]
    assert (card.classes, card.train, card.test) == (10, 10_000, 10_000)


def test_pattern_set_is_saved_changed_and_deleted() -> None:
    patterns.save_pattern_set("mine", CROSS, note="drawn")
    patterns.save_pattern_set("mine", CROSS[:1])
    stored = {view.name: view for view in patterns.list_pattern_sets()}
    assert stored["mine"].patterns == (CROSS[0],)
    assert not stored["mine"].preset
    assert stored["scp-4"].preset
    patterns.delete_pattern_set("mine")
    assert "mine" not in {view.name for view in patterns.list_pattern_sets()}


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "x" * 65, "scp-4"])
def test_names_that_cannot_be_saved_are_refused(name: str) -> None:
    with pytest.raises(PlanError):
        patterns.save_pattern_set(name, CROSS)


def test_every_problem_of_a_set_is_named() -> None:
    assert patterns.validate_patterns(CROSS) == []
    assert patterns.validate_patterns([]) == ["A pattern set holds at least one pattern."]
    problems = patterns.validate_patterns([CROSS[0], CROSS[0], (1,) * 9, (1, 0), (2,) + (0,) * 8])
    assert problems == [
        "Pattern 2 is the same as pattern 1: delete one.",
        "Pattern 3 keeps 9 of 9 weights, others keep 4: all of a set keep equally many.",
        "Pattern 4 is not 9 zeros and ones.",
        "Pattern 5 is not 9 zeros and ones.",
    ]
    with pytest.raises(PlanError, match="Pattern 1 keeps no weight"):
        patterns.save_pattern_set("mine", [(0,) * 9])


def test_shipped_sets_cannot_be_deleted() -> None:
    with pytest.raises(PlanError):
        patterns.delete_pattern_set("scp-4")


def test_proposed_patterns_come_with_their_shares() -> None:
    view = pattern_study.extract_patterns("resnet8", 6)
    assert len(view.patterns) == len(view.coverage) == 6
    assert patterns.validate_patterns(view.patterns) == []
    assert sum(view.coverage) == pytest.approx(1)
