"""Settings come from the environment; an impossible one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.storage.errors import StorageError
from backend.storage.settings import load_settings


def test_database_lies_under_home_unless_named(
    private_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().database_url == f"sqlite:///{private_home}/punchcard.db"
    monkeypatch.setenv("PUNCHCARD_DATABASE", "postgresql://host/name")
    assert load_settings().database_url == "postgresql+psycopg://host/name"


def test_impossible_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHCARD_PORT", "70000")
    with pytest.raises(StorageError, match=r"^PUNCHCARD_PORT has an impossible value: [^\n]*\.$"):
        load_settings()


def test_folders_are_for_this_user_alone(private_home: Path) -> None:
    settings = load_settings()
    settings.make_folders()
    folders = (settings.artifacts, settings.logs, settings.cache, settings.uploads)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
