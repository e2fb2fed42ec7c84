"""One small net through all stages: build, prune, repair, train, generate, run, deploy, front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.config.search_file import SearchConfig, Training
from backend.data.image_data import ImageData
from backend.devices.registry import LOCAL, open_agent
from backend.search import evaluator as evaluator_module
from backend.search.evaluator import Evaluator
from backend.search.front import FrontPoint, pareto_front
from backend.search.space import build_space
from backend.search.timing import check_package, time_packages
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import natural_patterns
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.storage import load_graph, save_graph
from tests.fixtures.toolchain import toolchain_cache

TRAINING = Training(images=64, repair_images=32, validation_images=32, batch=16)


def tiny_net() -> Graph:
    """Three convolutions with a shortcut, 8 x 8 pixels, four classes."""
    b = GraphBuilder("tiny")
    x = b.input((1, 1, 8, 8))
    x = b.add("relu", b.batch_norm(b.conv(x, 8, 3, name="conv1"), name="bn1"), name="relu1")
    y = b.add("relu", b.batch_norm(b.conv(x, 8, 3, name="conv2"), name="bn2"), name="relu2")
    y = b.batch_norm(b.conv(y, 8, 3, name="conv3"), name="bn3")
    x = b.add("relu", b.add("add", y, x, name="add"), name="relu3")
    x = b.add("flatten", b.add("global_average_pool", x, name="pool"), name="flatten")
    return b.build(b.linear(x, 4, name="fc"), preprocessing=Preprocessing((0.5,), (0.25,)))


def tiny_data() -> ImageData:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 128)
    images = random.integers(0, 40, (128, 1, 8, 8)) + 50 * labels[:, None, None, None]
    pixels = images.astype(np.uint8)
    classes = ("a", "b", "c", "d")
    return ImageData(
        "tiny", pixels, labels, pixels[:16], labels[:16], classes, Preprocessing((0.5,), (0.25,))
    )


def test_one_small_net_goes_through_all_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(evaluator_module, "open_data", lambda _name: tiny_data())
    graph = tiny_net()
    save_graph(graph, tmp_path / "base.safetensors")
    space = build_space(graph, SearchConfig().space)
    labels = {layer: next(x for x in menu if "/4" in x) for layer, menu in space.labels.items()}
    evaluator = Evaluator(
        {
            "graph": str(tmp_path / "base.safetensors"),
            "data": "tiny",
            "training": TRAINING.model_dump(),
            "seed": 0,
            "target": "host",
            "cache": str(toolchain_cache()),
            "pattern_sets": [natural_patterns(graph).to_json()],
        }
    )
    found = {}
    for name, candidate in (("dense", Candidate()), ("pruned", space.candidate(labels))):
        payload = {"candidate": candidate.to_json(), "folder": str(tmp_path / name)}
        found[name] = evaluator.evaluate(payload)
        assert 0.0 <= found[name]["accuracy"] <= 1.0
    rates = {row["name"]: row["achieved"] for row in found["pruned"]["layers"]}
    assert rates["conv2"] == pytest.approx(4.0, rel=0.15)
    pruned = load_graph(tmp_path / "pruned" / "graph.safetensors")
    assert pruned.weights["conv2.weight"].nonzeros <= 8 * 8 * 9 / 3.5  # the mask was held
    with open_agent(LOCAL) as agent:
        packages = [tmp_path / name / "package" for name in found]
        timings = time_packages(agent, packages[0], packages)
        for name, package in zip(found, packages, strict=True):
            inputs = np.load(tmp_path / name / "check_inputs.npy")
            outputs = np.load(tmp_path / name / "check_outputs.npy")
            check = check_package(agent, package, inputs, outputs)
            assert check.max_relative_error <= 1e-4
            assert check.layer_ms.keys() >= {"conv1", "conv2", "conv3", "fc"}
        release = agent.deploy(packages[1])
        assert release.verified
        assert agent.deploy(packages[1]).unchanged
    points = [
        FrontPoint(index, found[name]["accuracy"], timing.median_ms)
        for index, (name, timing) in enumerate(zip(found, timings, strict=True))
    ]
    assert pareto_front(points)
    assert evaluator.score({"folder": str(tmp_path / "pruned")})["count"] == 16
