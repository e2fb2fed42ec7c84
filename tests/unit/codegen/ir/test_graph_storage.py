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


def test_half_weights_come_back_as_fp32_within_fp16(tmp_path: Path) -> None:
    b = GraphBuilder("net")
    x = b.batch_norm(b.conv(b.input((1, 16, 9, 9)), 64, 3, bias=True, name="c"), name="n")
    made = b.build(b.add("relu", x, name="r"))
    key = "c.weight"
    values = made.weights[key].values
    mask = np.abs(values) > np.median(np.abs(values))
    made = made.with_weights({key: Weight(values, mask)})
    save_graph(made, tmp_path / "whole.safetensors")
    save_graph(made, tmp_path / "half.safetensors", half=True)
    read = load_graph(tmp_path / "half.safetensors")
    weight = read.weights[key]
    assert weight.values.dtype == np.float32
    assert weight.mask is not None and np.array_equal(weight.mask, mask)
    assert np.array_equal(weight.values, made.weights[key].values.astype(np.float16))
    for other in made.weights.keys() - {key}:
        assert np.array_equal(read.weights[other].values, made.weights[other].values), other
    saved = (tmp_path / "whole.safetensors").stat().st_size
    saved -= (tmp_path / "half.safetensors").stat().st_size
    assert abs(saved - 2 * values.size) < 64  # the header is padded
    save_graph(read, tmp_path / "again.safetensors", half=True)
    assert load_graph(tmp_path / "again.safetensors") == read


def test_a_weight_too_large_for_half_is_refused_and_nothing_written(tmp_path: Path) -> None:
    made = graph().with_weights({"w": Weight(np.full((4, 2, 1, 1), 70000.0))})
    with pytest.raises(GraphError, match="'w' is too large for fp16"):
        save_graph(made, tmp_path / "g.safetensors", half=True)
    assert not list(tmp_path.iterdir())


def test_a_mask_of_another_shape_is_refused_by_its_name(tmp_path: Path) -> None:
    arrays = {"w": np.ones((4, 2, 1, 1), np.float32), "mask::w": np.ones((4, 2), bool)}
    path = tmp_path / "g.safetensors"
    save_file(arrays, path, metadata={"graph": print_graph(graph())})
    with pytest.raises(GraphError, match=r"mask of 'w' has shape \(4, 2\), not \(4, 2, 1, 1\)"):
        load_graph(path)
