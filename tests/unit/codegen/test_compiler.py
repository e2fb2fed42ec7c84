"""Properties of whole bundles: byte-stable, readable, free of user strings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.models.zoo import build_model
from codegen.bundle import SourceBundle
from codegen.compiler import generate
from codegen.ir import GraphBuilder
from codegen.targets.registry import TARGETS, host_target, load_target
from tests.fixtures.compiled_graph import random_inputs, relative_error, run_compiled, run_torch

_DIGEST = """
from backend.models.zoo import build_model
from codegen.compiler import generate
from codegen.targets.registry import load_target
graph = build_model("mobilenet_v2", input_shape=(3, 32, 32), classes=10)
print(generate(graph, load_target("aarch64-a76")).digest)
"""


@pytest.fixture(scope="module")
def bundle() -> SourceBundle:
    graph = build_model("resnet20", input_shape=(1, 28, 28), classes=10)
    return generate(graph, load_target("x86_64-avx512"), threads=2)


def test_the_same_graph_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST], env=environment, capture_output=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_generated_c_is_meant_to_be_read(bundle: SourceBundle) -> None:
    for file in bundle.files:
        lines = file.text.splitlines()
        assert max(map(len, lines)) <= 100, file.name
        assert file.text.isascii()
        assert "\n\n\n" not in file.text
        begin = 0
        for number, line in enumerate(lines):
            if re.match(r"\S.*(\(|\) \{)$", line):
                begin = number
            assert not (line == "}" and number - begin >= 120), (file.name, begin)


def test_no_string_of_the_user_reaches_c() -> None:
    builder = GraphBuilder('*/ int evil; /* "')
    x = builder.input((1, 3, 8, 8), 'in"put')
    builder.conv(x, 4, 3, name="conv */ }")
    bundle = generate(builder.build("conv */ }"), load_target("x86_64-avx2"))
    for file in bundle.files:
        assert "evil" not in file.text
        assert 'in"put' not in file.text
        assert "conv */ }" not in file.text
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]+\.[ch]", file.name)
    assert bundle.manifest["layers"][0]["name"] == "conv */ }"


def test_microkernel_files_depend_on_nothing_of_the_model(bundle: SourceBundle) -> None:
    other = generate(
        build_model("resnet8", input_shape=(3, 32, 32), classes=7), load_target("x86_64-avx512")
    )
    ours = {file.name: file.text for file in bundle.files}
    own = ("model.c", "program-x86-64-avx512.c")
    shared = [file for file in other.files if file.name in ours and file.name not in own]
    assert len(shared) > 10
    assert all(file.text == ours[file.name] for file in shared)


def test_the_manifest_is_json_and_tells_of_every_layer(bundle: SourceBundle) -> None:
    manifest = json.loads(json.dumps(bundle.manifest))
    names = {file.name for file in bundle.files}
    assert manifest["threads"] == 2
    assert manifest["weights_bytes"] == len(bundle.weights)
    assert manifest["input"] == {"name": "input", "shape": [1, 1, 28, 28]}
    assert [layer["index"] for layer in manifest["layers"]] == list(range(len(manifest["layers"])))
    assert all(layer["source"] in names for layer in manifest["layers"])
    assert sum(layer["macs"] for layer in manifest["layers"]) > 30_000_000


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_target_gets_sources_of_its_own_width(name: str) -> None:
    target = load_target(name)
    graph = build_model("resnet8", input_shape=(3, 16, 16), classes=10)
    texts = [f.text for f in generate(graph, target).files if "-conv-" in f.name]
    assert any(f"vector_size({4 * target.vector_floats})" in text for text in texts)


def test_several_outputs_lie_one_behind_the_other(tmp_path: Path) -> None:
    builder = GraphBuilder("two")
    x = builder.input((1, 3, 9, 9))
    y = builder.conv(x, 5, 3, name="conv")
    z = builder.add("global_average_pool", y, name="pooled")
    graph = builder.build(z, y, x)
    inputs = random_inputs(graph)
    for got, wanted in zip(
        run_compiled(graph, host_target(), inputs, tmp_path),
        [*run_torch(graph, inputs)[:2], inputs[0]],
        strict=True,
    ):
        assert relative_error(got, wanted) < 1e-5


def _deep_graph() -> tuple[GraphBuilder, str]:
    builder = GraphBuilder("deep", seed=3)
    x = builder.input((1, 3, 17, 17))
    y = builder.conv(x, 9, 3, name="a", activation="relu")
    y = builder.add("sigmoid", y, name="b")
    y = builder.conv(y, 10, 3, name="c", stride=2)
    y = builder.conv(y, 10, 5, name="d", groups=10)
    y = builder.add("max_pool", y, name="e", kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1))
    return builder, builder.conv(y, 4, 3, name="f")


def test_threads_give_the_same_bits(tmp_path: Path) -> None:
    builder, last = _deep_graph()
    graph = builder.build(last)
    inputs = random_inputs(graph)
    one = run_compiled(graph, host_target(), inputs, tmp_path)[0]
    for threads in (2, 3):
        many = run_compiled(graph, host_target(), inputs, tmp_path, threads=threads, repeat=20)[0]
        assert np.array_equal(one, many)


def test_a_nan_stays_where_arithmetic_carries_it_and_is_gone_in_the_next_run(
    tmp_path: Path,
) -> None:
    """Padding is zeroed once: a NaN that crept into it would poison every later run."""
    builder = GraphBuilder("nan", seed=1)
    x = builder.input((1, 2, 9, 9))
    y = builder.conv(x, 8, 3, name="a", activation="relu")
    y = builder.add("sigmoid", y, name="b")
    graph = builder.build(builder.conv(y, 3, 3, name="c"))
    inputs = random_inputs(graph)
    inputs[0][0, 1, 0, 0] = np.nan
    got = run_compiled(graph, host_target(), inputs, tmp_path, repeat=3)[0]
    clean = run_torch(graph, [np.nan_to_num(inputs[0])])[0]
    touched = np.zeros((9, 9), dtype=np.bool_)
    touched[:3, :3] = True
    assert np.isnan(got[0, :, :3, :3]).all()
    assert not np.isnan(got[0, :, ~touched]).any()
    assert relative_error(got[0, :, ~touched], clean[0, :, ~touched]) < 1e-5
