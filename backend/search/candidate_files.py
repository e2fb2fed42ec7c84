"""What stands in a candidate's folder beside its graph: the package, and outputs to check it by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from backend.models.graph_module import GraphModule
from backend.search.results import PACKAGE_FOLDER
from codegen.compiler import generate
from codegen.ir.graph import Graph
from codegen.package import write_package
from codegen.targets.target import Target
from codegen.toolchain.build import build


def build_candidate(
    graph: Graph,
    folder: Path,
    checked: torch.Tensor,
    target: Target,
    cache: Path,
    *,
    on_lap: Callable[[str], None] = lambda _: None,
) -> int:
    """Write the package, and inputs with torch's outputs for the numeric check.

    Args:
        graph: to compile.
        folder: of the candidate.
        checked: normalised images (n, c, h, w), n at least 2; the first is the self-test's.
        target: to compile for.
        cache: of compiled objects.
        on_lap: told "generate_s" and "build_s" when these have ended.

    Returns:
        Bytes of the packed weights.

    Raises:
        PunchcardError: the graph cannot be compiled.
    """
    with torch.no_grad():
        expected = GraphModule(graph).eval()(checked)
    inputs, outputs = checked.numpy(), expected.numpy()
    bundle = generate(graph, target)
    on_lap("generate_s")
    binary = build(bundle, target, cache_dir=cache)
    write_package(folder / PACKAGE_FOLDER, bundle, binary, input=inputs[:1], expected=outputs[:1])
    np.save(folder / "check_inputs.npy", inputs[1:])
    np.save(folder / "check_outputs.npy", outputs[1:])
    on_lap("build_s")
    return len(bundle.weights)
