"""The rules of ARCHITECTURE.md that a machine can check: who imports whom, sizes, names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "backend", "codegen", "device_agents")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MAY_IMPORT = {
    "app": {"backend"},
    "backend": {"codegen", "device_agents"},
    "codegen": set(),
    "device_agents": set(),
}

ONLY_IN = {
    "streamlit": ("app/",),
    "paramiko": ("device_agents/ssh_connection.py",),
    "onnx": ("codegen/exchange/",),
    "onnxruntime": ("backend/bench/engines/",),
    "torch": ("backend/models/", "backend/data/", "backend/sparsity/", "backend/training/",
              "backend/reconstruction/", "backend/bench/search/net_task.py",
              "backend/search/", "backend/enhancement/", "backend/finalization/"),
    "subprocess": (
        "codegen/toolchain/",
        "device_agents/local_agent.py",
        "device_agents/local_connection.py",
        "backend/bench/",
        "backend/jobs/",
        "backend/cli/studio.py",
        "backend/search/executors/local_executor.py",
    ),
}  # fmt: skip
"""A library that stands behind one door, and the door."""

GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc"}


def imported(path: Path) -> set[str]:
    """Every module a file imports anywhere in it, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_follow_the_layers(path: Path) -> None:
    package = relative(path).split("/")[0]
    for module in imported(path):
        top = module.split(".")[0]
        if top in PACKAGES and top != package:
            assert top in MAY_IMPORT[package], f"{package} must not import {module}"
        if package == "app" and top == "backend":
            assert module.startswith("backend.services"), f"app reaches past services: {module}"
        if top in ONLY_IN:
            assert relative(path).startswith(ONLY_IN[top]), f"{top} is not for this file"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_are_small_and_named_after_one_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500
    assert path.stem not in GRAB_BAGS


def test_the_median_file_is_short() -> None:
    lengths = [len(path.read_text().splitlines()) for path in SOURCES if path.stem != "__init__"]
    assert median(lengths) <= 150


@pytest.mark.parametrize("module", ["backend.services", "backend.cli.main", "backend.jobs.worker"])
def test_page_command_line_and_worker_import_no_torch(module: str) -> None:
    code = (
        f"import importlib, pkgutil, sys; package = importlib.import_module({module!r})\n"
        "for found in pkgutil.iter_modules(getattr(package, '__path__', [])):\n"
        "    importlib.import_module(package.__name__ + '.' + found.name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_every_folder_stands_in_the_architecture_page() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    assert len(page.splitlines()) <= 150
    folders = {path.parent for path in SOURCES if path.name != "__init__.py"}
    missing = [relative(folder) for folder in sorted(folders) if f"`{relative(folder)}" not in page]
    assert not missing, f"ARCHITECTURE.md does not name {missing}"


def test_shipped_assets_stay_small() -> None:
    sizes = {path: path.stat().st_size for path in (ROOT / "assets").rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= 25_000_000
    weights = [size for path, size in sizes.items() if path.suffix == ".safetensors"]
    assert weights
    assert max(weights) <= 2_000_000


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-cluster.txt"])
def test_every_requirement_is_pinned_and_gives_its_reason(name: str) -> None:
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith("#"):
            pin, _, reason = line.partition("#")
            assert "==" in pin, line
            assert len(reason.strip()) > 10, line


def test_every_test_file_has_a_name_of_its_own() -> None:
    """The test folders are no packages, so pytest tells files apart by their names alone."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
