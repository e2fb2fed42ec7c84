"""Peak memory of a whole process: weights, 1.1 times the largest live set, and 5 MB."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from backend.models.zoo import build_model
from codegen.compiler import generate
from codegen.ir.live_set import largest_live_set
from codegen.ir.passes import optimize
from codegen.targets.registry import host_target
from codegen.toolchain.build import build
from tests.fixtures.toolchain import toolchain_cache


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "efficientnet_b0"])
def test_a_run_stays_within_its_memory(name: str, tmp_path: Path) -> None:
    graph = build_model(name, input_shape=(3, 224, 224), classes=1000)
    # Winograd's scratch is counted apart.
    bundle = generate(graph, host_target(), is_exact=True)
    binary = build(bundle, host_target(), cache_dir=toolchain_cache())
    (tmp_path / "model").write_bytes(binary.elf)
    (tmp_path / "model").chmod(0o755)
    (tmp_path / "w").write_bytes(bundle.weights)
    np.zeros((1, 3, 224, 224), dtype=np.float32).tofile(tmp_path / "x")
    command = ["./model", "--weights", "w", "--input", "x", "--json", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    peak = json.loads(done.stdout)["peak_rss_bytes"]
    assert peak <= len(bundle.weights) + 1.1 * largest_live_set(optimize(graph)) + 5e6
