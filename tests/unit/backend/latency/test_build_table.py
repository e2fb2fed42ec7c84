"""The whole way on this computer: programs are built, timed, profiled; a search takes the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from backend.cli.main import main
from backend.config.search_file import SearchConfig, parse_config
from backend.latency.measured_run import FIT
from backend.latency.table_store import TableStore, read_table
from backend.search.chosen_table import TABLE_FILE, TABLE_FOLDER, with_table
from backend.search.preparation import prepare
from backend.search.search_device import LOCAL, open_device
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database
from backend.storage.settings import Settings, load_settings
from codegen.errors import PunchcardError
from tests.fixtures.toolchain import toolchain_cache

CONFIG = {
    "model": "resnet8",
    "space": {
        "schemes": ["pattern", "filter"],
        "rates": [2.25, 5],
        "filter_types": ["keep", "conv1x1", "skip"],
    },
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = load_settings()
    found.make_folders()
    (found.cache / "toolchain").symlink_to(toolchain_cache())
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "timing.lock"))
    return found


def config(**more: object) -> SearchConfig:
    return parse_config({**CONFIG, **more})


def test_programs_of_filter_types_are_measured_and_a_search_uses_the_table(
    settings: Settings, tmp_path: Path
) -> None:
    database = open_database(settings)
    file, out, report = (tmp_path / name for name in ("search.yaml", "table.json", "report.json"))
    file.write_text(yaml.safe_dump(CONFIG))
    words = ["bench", "table", "--config", str(file), "--minutes", "0", "--check", "2"]
    assert main([*words, "--out", str(out), "--json", str(report)]) == 0
    told = json.loads(report.read_text())
    assert (told["programs"], len(told["checks"])) == (9, 2)
    assert told["error"]["count"] == 2
    table = read_table(out)
    assert table.to_json() == TableStore(settings).read(told["table"]).to_json()
    runs = table.runs_of(FIT)
    assert len(runs) == 9  # the dense net and one batch
    assert set(runs[0].labels.values()) == {"dense"}
    for run in runs:
        assert run.latency_ms > 0
        skipped = [layer for layer, label in run.labels.items() if label == "dense/@skip"]
        measured = set(run.layer_ms) - set(skipped)
        assert all(run.layer_ms[layer] > 0 for layer in measured)
        assert sum(run.layer_ms.values()) < 1.5 * run.latency_ms
    prepared = prepare(config(), database, open_artifacts(settings))
    place = settings.artifacts / "searches" / "one"
    kept = place / TABLE_FOLDER / TABLE_FILE
    with open_device(LOCAL, settings) as device:
        taught = with_table(prepared, device, settings, place)
        assert taught.problem.latency is not None
        assert taught.problem.latency.learnt == 9
        labels = prepared.space.draw(np.random.default_rng(0))
        expected = taught.problem.latency.predict_ms(labels)
        # whatever becomes of the installation's tables, a resumed search predicts the same
        TableStore(settings).remove(told["table"])
        again = with_table(prepared, device, settings, place)
        assert again.problem.latency is not None
        assert again.problem.latency.predict_ms(labels) == expected
        kept.unlink()
        none = with_table(prepared, device, settings, place)
        assert none.problem.latency is not None
        assert none.problem.latency.learnt == 0
        for named in ("no-such-table", "../x"):
            other = prepare(config(latency_table=named), database, open_artifacts(settings))
            kept.unlink(missing_ok=True)
            with pytest.raises(PunchcardError, match="latency_table: there is no file"):
                with_table(other, device, settings, place)
