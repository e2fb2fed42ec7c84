"""`punchcard bench table` without a device: files come in, are listed and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.cli.main import main
from tests.unit.backend.latency.chain_truth import table


def test_a_table_comes_in_is_listed_and_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "theirs.json"
    file.write_text(table(5).to_json())
    assert main(["bench", "table", "--import", str(file)]) == 0
    name = capsys.readouterr().out.split()[2]
    assert main(["bench", "table", "--list"]) == 0
    assert f"{name}: made up, x86_64-test, chain, 5 programs" in capsys.readouterr().out
    assert main(["bench", "table", "--remove", name]) == 0
    assert main(["bench", "table", "--remove", name]) == 1
    assert f"there is no latency table '{name}'" in capsys.readouterr().err


def test_bad_files_devices_and_options_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, says in (
        (["--import", str(tmp_path / "gone.json")], "cannot be read"),
        (["--import", __file__], "is no latency table"),
        (["--device", "nowhere"], "there is no device 'nowhere'"),
        (["--model", "no such model"], "no such model"),
        (["--device", "not a name"], "the options: device"),
    ):
        assert main(["bench", "table", *words]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert says in error
