"""Mutated graph files: each is refused with a GraphError or is a graph that keeps all rules."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import save_file

from backend.models.zoo import build_model
from codegen.errors import GraphError
from codegen.ir import verify_graph
from codegen.ir.storage import load_graph, save_graph

_VALUES = (None, -1, 0, 10**12, 1.5, "", "x", "nan", [], [0], [1, 1], {}, {"a": 1}, True)


def forged(item: Any, rng: random.Random) -> Any:
    """The JSON value with one part anywhere in it replaced."""
    if isinstance(item, list) and item and rng.random() < 0.8:
        place = rng.randrange(len(item))
        return [*item[:place], forged(item[place], rng), *item[place + 1 :]]
    if isinstance(item, dict) and item and rng.random() < 0.8:
        key = rng.choice(sorted(item))
        return {**item, key: forged(item[key], rng)}
    return rng.choice(_VALUES)


def accepted(path: Path) -> bool:
    try:
        graph = load_graph(path)
    except GraphError as error:
        assert str(error)
        return False
    verify_graph(graph)
    return True


def test_forged_lines_of_the_text_form_never_crash_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_graph(build_model("resnet8", input_shape=(1, 8, 8), classes=2, width=0.5), path)
    with safe_open(path, framework="numpy") as file:
        lines = file.metadata()["graph"].splitlines()
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    rng = random.Random(0)  # noqa: S311
    refused = 0
    for _ in range(200):
        changed = list(lines)
        place = rng.randrange(1, len(lines))
        word, _, rest = changed[place].partition(" ")
        changed[place] = f"{word} {json.dumps(forged(json.loads(rest), rng))}"
        save_file(arrays, path, metadata={"graph": "\n".join(changed) + "\n"})
        refused += not accepted(path)
    assert refused > 100


def test_damaged_bytes_never_crash_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_graph(build_model("resnet8", input_shape=(1, 8, 8), classes=2, width=0.5), path)
    data = path.read_bytes()
    rng = random.Random(1)  # noqa: S311
    for _ in range(200):
        changed = bytearray(data)
        # The header is where the structure stands; behind it any bytes are weights.
        changed[rng.randrange(12_000)] = rng.randrange(256)
        path.write_bytes(bytes(changed))
        accepted(path)
