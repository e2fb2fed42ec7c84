"""Training must run on a machine that has torch, numpy and safetensors alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
TRAVEL = ("codegen.ir", "backend.models", "backend.data", "backend.sparsity", "backend.training")

_LIGHT = """
import importlib, importlib.machinery, importlib.metadata as metadata, importlib.util
import pathlib, re, sys

def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def needs(name, found):
    if name not in found:
        found.add(name)
        try:
            wanted = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            return found
        for line in wanted:
            if "extra ==" not in line:
                needs(plain(re.match(r"[A-Za-z0-9._-]+", line)[0]), found)
    return found

allowed = set()
for name in ("torch", "numpy", "safetensors"):
    needs(name, allowed)
OURS = {"app", "backend", "codegen", "device_agents"}
blocked = {
    module
    for module, owners in metadata.packages_distributions().items()
    if module not in OURS and not {plain(owner) for owner in owners} & allowed
}
assert {"pydantic", "yaml", "PIL", "onnx", "scipy", "optuna", "sqlalchemy", "psutil"} <= blocked
assert not {"torch", "numpy", "safetensors"} & blocked

class Hiding(importlib.machinery.PathFinder):
    # as on a machine where the others were never installed

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            return None
        return super().find_spec(name, path, target)

finder = importlib.machinery.PathFinder
sys.meta_path[:] = [Hiding if one is finder else one for one in sys.meta_path]
assert importlib.util.find_spec("yaml") is None
root = pathlib.Path(sys.argv[1])
count = 0
for package in sys.argv[2:]:
    folder = root / package.replace(".", "/")
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        importlib.import_module(name)
        count += 1

import numpy as np
import torch
from backend.data.image_data import ImageData, measure_preprocessing
from backend.models.zoo import build_model
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prune_graph
from backend.training.classifier import train_classifier
from backend.training.recipe import Distillation, Recipe


torch.set_num_threads(1)
random = np.random.default_rng(0)
images = random.integers(0, 256, (8, 3, 8, 8)).astype(np.uint8)
labels = np.arange(8) % 2
data = ImageData("noise", images, labels, images, labels, ("a", "b"), measure_preprocessing(images))
net = build_model(
    "resnet8", input_shape=(3, 8, 8), classes=2, width=0.5, preprocessing=data.preprocessing
)
pruned = prune_graph(net, Candidate.of({"layer1.0.conv1": LayerChoice("pattern", 2.25)}))
recipe = Recipe(batch=8, shift=1, average=0.9, distillation=Distillation(feature_weight=1.0))
trained = train_classifier(pruned, data, np.arange(8), recipe, teacher=net, validation=np.arange(8))
assert trained.graph.digest != pruned.digest
print(count)
"""

_TORCH_FREE = """
import sys
import backend.sparsity.candidate, backend.sparsity.patterns, backend.sparsity.prune
import backend.sparsity.report, backend.sparsity.schemes, backend.data.registry
import backend.data.splits, backend.config.plan_file, backend.models.zoo
import backend.training.recipe, backend.training.presets, backend.training.report
sys.exit("torch" in sys.modules)
"""


def test_every_module_imports_and_a_step_trains_without_other_packages() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT, str(ROOT), *TRAVEL],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    files = [file for name in TRAVEL for file in (ROOT / name.replace(".", "/")).rglob("*.py")]
    assert int(done.stdout) == len(files) > 100


def test_plans_masks_recipes_and_data_need_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", _TORCH_FREE], timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0


PRIVATE = {"_foreach_lerp_", "_foreach_mul_", "_foreach_copy_"}
"""Private names of torch that every version since 2.11 has; others are asked for by `getattr`."""


def test_no_private_name_of_torch_is_used_but_those_all_versions_have() -> None:
    """The least version of torch is 2.11; what is public and used here is older than that."""
    for package in TRAVEL:
        for path in (ROOT / package.replace(".", "/")).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Attribute)
                    and node.attr.startswith("_")
                    and node.attr[1] != "_"
                ):
                    owner = ast.unparse(node.value)
                    is_torch = owner == "torch" or owner.startswith("torch.")
                    assert not is_torch or node.attr in PRIVATE, (path, node.attr)
