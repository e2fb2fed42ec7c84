"""What the ONNX importer refuses, each in one sentence that says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnx_files import Classic, branching, export, floats, model, one_node

from codegen.errors import ImportRefusedError
from codegen.exchange.onnx_importer import import_onnx, inspect_onnx
from codegen.ir import verify_graph

torch.set_num_threads(1)


def refusal(source: bytes | Path) -> str:
    with pytest.raises(ImportRefusedError) as caught:
        import_onnx(source, name="model")
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"hello", "not an ONNX file"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b"\x08\x08", "holds no graph"),
        (b"\x08\x08\x3a\x7f", "cut off or damaged"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
    ],
)
def test_what_is_not_onnx_is_told_apart(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_a_file_cut_anywhere_is_refused() -> None:
    data = export(Classic(), (3, 16, 16))
    for length in range(0, len(data) - 1, max(1, len(data) // 300)):
        refusal(data[:length])


def test_an_absent_file_is_one_sentence(tmp_path: Path) -> None:
    assert "absent.onnx cannot be read" in refusal(tmp_path / "absent.onnx")


def test_all_unsupported_nodes_are_listed_at_once_with_hints() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="fine"),
        helper.make_node("LSTM", ["a"], ["b"], name="first"),
        helper.make_node("Relu", ["b"], ["c"], name="behind"),
        helper.make_node("TopK", ["c", "s"], ["d"], name="second"),
        helper.make_node("MyOp", ["d"], ["e"], name="third", domain="com.acme"),
        helper.make_node("Gelu", ["a"], ["f"], name="fourth", approximate="sine"),
        helper.make_node("Hardmax", ["e"], ["y"]),
    ]
    tensors = {"w": floats(4, 3, 3, 3), "s": floats(4)}
    data = model(nodes, tensors, opset=20).SerializeToString()
    report = inspect_onnx(data)
    assert not report.supported
    assert [(item.node, item.op) for item in report.unsupported] == [
        ("first", "LSTM"),
        ("second", "TopK"),
        ("third", "MyOp"),
        ("fourth", "Gelu"),
        ("y", "Hardmax"),
    ]
    assert report.nodes == 7
    assert report.macs == 4 * 3 * 9 * 36
    assert report.parameters == 4 * 3 * 9
    text = refusal(data)
    assert "5 nodes not supported" in text
    assert all(f"'{name}'" in text for name in ("first", "second", "third", "fourth", "y"))
    assert "custom operators" in text
    assert "recurrent" in text


def test_a_supported_model_has_an_empty_report() -> None:
    report = inspect_onnx(export(Classic(), (3, 16, 16)))
    assert report.supported
    assert report.unsupported == ()
    assert report.to_json()["unsupported"] == []
    assert report.parameters > 0


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (("n", 3, "height", 8), "axis 2 ('height') of input 'x' is dynamic"),
        (("n", 3, 8, None), "axis 3 of input 'x' is dynamic"),
        ((1, 0, 8, 8), "axis 1 of input 'x' is dynamic"),
        ((4, 3, 8, 8), "fixed batch of 4"),
        ((1, 3, 100_000, 8), "larger than the limit"),
        ((1, 3, 8, 8, 8), "has 5 axes"),
    ],
)
def test_shapes_that_are_not_static_are_named(shape: tuple[Any, ...], words: str) -> None:
    data = model([helper.make_node("Relu", ["x"], ["y"])], shape=shape).SerializeToString()
    assert words in refusal(data)


def test_external_data_are_refused_whether_the_file_exists_or_not(tmp_path: Path) -> None:
    made = one_node("Conv", {"w": floats(4, 3, 3, 3)})
    (tmp_path / "w.bin").write_bytes(b"\0" * 1000)
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "w.bin"
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    assert "in other files (first 'w')" in refusal(path)


def hostile(change: Callable[[onnx.ModelProto], object]) -> bytes:
    made = one_node("Conv", {"w": floats(4, 3, 3, 3)}, strides=[1, 1])
    change(made)
    return made.SerializeToString()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.graph.node[0].attribute[0].ints.__setitem__(0, 0), "strides"),
        (lambda m: m.graph.node[0].attribute[0].ints.append(1), "strides"),
        (lambda m: setattr(m.graph.node[0].attribute[0], "type", 1), "wrong type"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, 9), "damaged"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, -4), "impossible shape"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**31 - 1), "the limit is"),
        (lambda m: setattr(m.graph.initializer[0], "data_type", 8), "element type"),
        (lambda m: m.graph.node[0].input.__setitem__(1, "nowhere"), "no earlier node makes"),
        (lambda m: m.graph.node.extend([m.graph.node[0]]), "another node makes too"),
        (lambda m: m.graph.output.add(name="second"), "2 outputs"),
        (lambda m: m.graph.input.add(name="second"), "2 inputs"),
        (lambda m: setattr(m.graph.output[0], "name", "w"), "does not depend on the picture"),
        (lambda m: setattr(m.opset_import[0], "version", 3), "opset 3"),
        (lambda m: setattr(m.opset_import[0], "version", 999), "opset 999"),
        (lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 7), "not float32"),
        (lambda m: m.metadata_props.add(key="punchcard.classes", value="{"), "metadata"),
        (lambda m: m.metadata_props.add(key="punchcard.preprocessing", value="[1]"), "metadata"),
    ],
)
def test_forged_fields_are_refused_in_one_sentence(
    change: Callable[[onnx.ModelProto], object], words: str
) -> None:
    assert words in refusal(hostile(change))


def test_weights_that_are_not_finite_are_refused() -> None:
    weight = floats(4, 3, 3, 3)
    weight[0, 0, 0, 0] = np.nan
    assert "not finite" in refusal(one_node("Conv", {"w": weight}).SerializeToString())


def test_control_flow_is_refused_by_name() -> None:
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "b", [], [])
    node = helper.make_node("If", ["c"], ["y"], name="branch", then_branch=body, else_branch=body)
    text = refusal(model([node], {"c": np.array(True)}).SerializeToString())
    assert "'If' at 'branch'" in text
    assert "control flow" in text


def test_constants_that_explode_are_stopped_before_they_are_computed() -> None:
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["c"])]
    data = model([*nodes, helper.make_node("Add", ["x", "c"], ["y"])], {"s": [2**20, 2**20]})
    assert "too large" in refusal(data.SerializeToString())
    doubling = [helper.make_node("Identity", ["w"], ["v0"])]
    doubling += [
        helper.make_node("Concat", [f"v{i}", f"v{i}"], [f"v{i + 1}"], axis=0) for i in range(60)
    ]
    last = helper.make_node("Add", ["x", "v60"], ["y"])
    assert "too large" in refusal(model([*doubling, last], {"w": floats(9)}).SerializeToString())


def test_too_many_nodes_are_refused() -> None:
    nodes = [helper.make_node("Relu", ["x"], [f"y{i}"]) for i in range(5001)]
    assert "5001 nodes, the limit is 5000" in refusal(model(nodes).SerializeToString())


HOSTILE_NAMES = (
    "*/ int x; /*",
    '"; system("id"); //',
    "a\nb",
    "../../etc/passwd",
    "$(id)",
    "\u202etxt.exe",
    "x" * 100_000,
    "int",
    "",
    "mask::w",
    "__metadata__",
    "<script>alert(1)</script>",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name[:20]))
def test_hostile_names_are_kept_unique_and_stay_data(name: str, tmp_path: Path) -> None:
    from codegen.ir.storage import load_graph, save_graph

    nodes = [
        helper.make_node("Conv", ["x", name or "w"], ["a"], name=name),
        helper.make_node("Relu", ["a"], ["b"], name=name),
        helper.make_node("Conv", ["b", name or "w"], ["y"], name=name),
    ]
    data = model(nodes, {name or "w": floats(3, 3, 1, 1)}).SerializeToString()
    graph = import_onnx(data, name=name)
    verify_graph(graph)
    assert len({node.name for node in graph.nodes}) == 3
    save_graph(graph, tmp_path / "g.safetensors")
    assert load_graph(tmp_path / "g.safetensors") == graph


def test_a_branch_that_depends_on_the_picture_is_refused_by_name() -> None:
    words = refusal(branching([helper.make_node("Sign", ["x"], ["c"])]))
    assert "'If' at 'branch'" in words
    assert "data-dependent branches" in words
