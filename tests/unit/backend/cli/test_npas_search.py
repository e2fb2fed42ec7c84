"""A real search by npas from the command line: trained, compiled, timed, checked."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from backend.cli.main import main
from codegen.ir.storage import save_graph
from tests.fixtures.finished_search import save_bars, share_toolchain
from tests.fixtures.image_sets import small_net

TRIALS = 6  # the first 4 are the agent's alone, then the predictor chooses


def test_search_with_npas_finishes_from_the_command_line(tmp_path: Path) -> None:
    share_toolchain()
    path, data = save_bars(tmp_path, 300)
    save_graph(small_net(data), tmp_path / "net.safetensors")
    config = {
        "model": str(tmp_path / "net.safetensors"),
        "data": str(path),
        "budget": {"trials": TRIALS},
        "training": {"epochs": 0, "repair_images": 32, "validation_images": 50},
    }
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(config))
    report = tmp_path / "front.json"
    words = ["search", str(tmp_path / "search.yaml"), "--sampler", "npas", "--json", str(report)]
    assert main(words) == 0
    found = json.loads(report.read_text())
    assert found["trials"] == TRIALS
    assert found["front"] and all(point["verified"] for point in found["front"])
