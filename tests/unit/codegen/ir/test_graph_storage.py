"""Files of graphs: whole or refused, never half-written, hostile keys included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from codegen.errors import GraphError
from codegen.ir import Graph, GraphBuilder, Weight, parse_graph, print_graph
from codegen.ir.storage import load_graph, save_graph


def graph(weight_key: str = "w") -> Graph:
    b = GraphBuilder("net")
    x = b.input((1, 2, 3, 3))
    keys = {"weight": b.weight(weight_key, np.ones((4, 2, 1, 1)))}
    return b.build(b.add("conv", x, name="c", weights=keys))


@pytest.mark.parametrize("key", ["mask::w", "weight::w", "weight::mask::w", "__metadata__", ""])
def test_keys_that_look_like_the_files_own_are_kept(key: str, tmp_path: Path) -> None:
    made = graph(key)
    mask = np.array([1, 0, 1, 1, 0, 1, 1, 1]).reshape(4, 2, 1, 1).astype(bool)
    made = made.with_weights({key: Weight(made.weights[key].values, mask)})
    save_graph(made, tmp_path / "g.safetensors")
    assert load_graph(tmp_path / "g.safetensors") == made


def test_a_cut_file_is_refused_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_graph(graph(), path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(GraphError, match="g.safetensors"):
            load_graph(path)


def test_a_file_without_a_graph_and_an_absent_file_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": np.zeros(1, dtype=np.float32)}, path)
    with pytest.raises(GraphError, match="holds weights but no Punchcard graph"):
        load_graph(path)
    with pytest.raises(GraphError, match="absent.safetensors is not a readable"):
        load_graph(tmp_path / "absent.safetensors")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.safetensors"
    save_graph(graph(), path)
    before = path.read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OSError, match="No space"):
        save_graph(graph("other"), path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "text",
    ["", "punchcard graph 2\n", "punchcard graph 1\nnode [1]\n", "punchcard graph 1\nname {\n"],
)
def test_text_of_another_version_or_damaged_is_refused(text: str) -> None:
    with pytest.raises(GraphError):
        parse_graph(text, {})


def test_the_text_shows_a_line_a_node() -> None:
    lines = print_graph(graph()).splitlines()
    assert lines[0] == "punchcard graph 1"
    assert lines[2] == 'input ["input", "f32[1x2x3x3]"]'
    assert [line.split()[0] for line in lines] == [
        "punchcard", "name", "input", "node", "outputs",
    ]  # fmt: skip


def test_half_precision_rounds_weights_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    values = np.linspace(-3, 3, 8, dtype=np.float32).reshape(4, 2, 1, 1)
    made = graph().with_weights({"w": Weight(values)})
    path = tmp_path / "g.safetensors"
    save_graph(made, path, half=True)
    read = load_graph(path).weights["w"].values
    assert np.array_equal(read, values.astype(np.float16).astype(np.float32))
    with pytest.raises(GraphError, match="'w' is too large"):
        save_graph(made.with_weights({"w": Weight(values * 1e5)}), path, half=True)
    assert np.array_equal(load_graph(path).weights["w"].values, read)
