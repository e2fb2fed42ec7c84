"""`punchcard search --executor ray`: a cluster that is not there is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.cli.main import main
from backend.services.searches import get_search


def test_unreachable_cluster_fails_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "CONFIG.yaml"
    config.write_text("model: resnet8\nbudget: {trials: 1}\n")
    words = ["search", str(config), "--executor", "ray", "--address", "127.0.0.1:9"]
    assert main(words) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "there is no Ray cluster at 127.0.0.1:9 (connection refused)" in said
    assert "punchcard search --resume" in said
    view = get_search("last")
    assert (view.state, view.can_resume, view.trials) == ("failed", True, ())
