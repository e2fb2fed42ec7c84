"""Where a search evaluates: its configuration says so, or else the installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.config.errors import ConfigError
from backend.config.executor_config import ExecutorConfig
from backend.config.search_file import parse_config
from backend.search.executor import ExecutorError
from backend.search.executors import EXECUTORS
from backend.search.executors.order import ExecutorOrder, open_executor, resolved
from backend.search.trainers import TrainerGate
from backend.services.searches import get_search, pause_search, resume_search, start_search
from backend.storage.settings import load_settings


def test_installation_chooses_where_the_configuration_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert resolved(ExecutorConfig(), load_settings()).kind == "local"
    monkeypatch.setenv("PUNCHCARD_EXECUTOR", "ray")
    monkeypatch.setenv("PUNCHCARD_RAY_ADDRESS", "head:6379")
    found = resolved(ExecutorConfig(cpus=2), load_settings())
    assert (found.kind, found.address, found.cpus) == ("ray", "head:6379", 2)
    named = ExecutorConfig(kind="local", address="other:1")
    assert resolved(named, load_settings()) == named


def test_unknown_executor_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no executor 'cloud'; take one of local, ray"):
        parse_config({"executor": {"kind": "cloud"}})
    monkeypatch.setenv("PUNCHCARD_EXECUTOR", "cloud")
    gate = TrainerGate(tmp_path)
    order = ExecutorOrder(ExecutorConfig(), load_settings(), {}, gate, tmp_path / "log", 1)
    with pytest.raises(ExecutorError, match="PUNCHCARD_EXECUTOR is 'cloud', which is no executor"):
        open_executor(order)
    assert set(EXECUTORS) == {"local", "ray"}


def test_resume_may_go_elsewhere() -> None:
    search_id = start_search({"model": "resnet8"})
    pause_search(search_id)
    resume_search(search_id, {"kind": "ray", "address": "head:6379"})
    section = get_search(search_id).config["executor"]
    assert (section["kind"], section["address"]) == ("ray", "head:6379")
    pause_search(search_id)
    with pytest.raises(ConfigError, match="there is no executor"):
        resume_search(search_id, {"kind": "cloud"})
