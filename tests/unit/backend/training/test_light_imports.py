"""Training must run on a machine that has torch, numpy and safetensors alone."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import importlib, importlib.abc, pkgutil, sys


class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is not on this machine")
        return None

BLOCKED = {"pydantic", "pydantic_settings", "yaml", "PIL", "onnx", "scipy", "optuna", "sqlalchemy",
           "alembic", "streamlit", "plotly", "pandas", "paramiko", "typer", "rich", "structlog",
           "psutil", "platformdirs", "filelock", "ziglang"}
sys.meta_path.insert(0, Blocker())
roots = ["backend.models", "backend.data", "backend.sparsity", "backend.training", "codegen.ir"]
count = 0
for root in roots:
    package = importlib.import_module(root)
    for module in pkgutil.walk_packages(package.__path__, root + "."):
        importlib.import_module(module.name)
        count += 1
print(count)
"""

_TORCH_FREE = """
import sys
import backend.sparsity.candidate, backend.sparsity.patterns, backend.sparsity.prune
import backend.sparsity.report, backend.sparsity.schemes, backend.data.registry
import backend.data.splits, backend.config.plan_file, backend.models.zoo
sys.exit("torch" in sys.modules)
"""


def test_engine_imports_without_the_rest() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


def test_plans_masks_and_data_need_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", _TORCH_FREE], timeout=120, check=False)
    assert done.returncode == 0
