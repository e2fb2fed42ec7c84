"""ONNX export: checker clean, equal after import, equal numbers, byte-stable."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx_files import run_onnx

from backend.models.graph_module import GraphModule
from backend.models.zoo import MODELS, build_model
from codegen.errors import GraphError
from codegen.exchange import onnx_exporter
from codegen.exchange.onnx_exporter import export_onnx
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir import Graph, GraphBuilder, Preprocessing, Weight
from codegen.ir.ops import ACTIVATIONS, FUNCTIONS, OPS, REDUCTIONS
from codegen.ir.passes import optimize

torch.set_num_threads(1)
BASE_MODELS = [name for name in MODELS if name not in {"vgg16", "vgg16_cifar", "resnet50"}]


def small(name: str) -> Graph:
    return build_model(name, input_shape=(3, 33, 40), classes=7, width=0.25)


def error_against_torch(graph: Graph, data: bytes) -> float:
    """Largest difference to onnxruntime at batch 2, relative to the largest output."""
    x = np.random.default_rng(0).standard_normal((2, *graph.inputs[0][1].shape[1:]))
    x = x.astype(np.float32)
    with torch.inference_mode():
        expected = GraphModule(graph).eval()(torch.from_numpy(x)).numpy()
    got = run_onnx(data, x)
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("name", BASE_MODELS)
def test_a_base_model_comes_back_equal_and_runs_equally_elsewhere(name: str) -> None:
    graph = small(name)
    data = export_onnx(graph)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    assert import_onnx(data, name=name) == graph
    assert error_against_torch(graph, data) < 1e-5


@pytest.mark.parametrize("name", BASE_MODELS)
def test_a_fused_model_comes_back_equal_after_fusing_again(name: str) -> None:
    fused = optimize(small(name))
    data = export_onnx(fused)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    assert optimize(import_onnx(data, name=name)) == fused
    assert error_against_torch(fused, data) < 1e-5


def every_operation() -> Graph:
    """A graph that holds each operation at least once."""
    b = GraphBuilder("all")
    x = b.input((1, 4, 9, 8))
    for index, name in enumerate(ACTIVATIONS):
        y = b.conv(x, 4, 3, name=f"c{index}", bias=index % 2 == 0, activation=name, alpha=0.1)
        slope = {"alpha": 0.2} if "alpha" in OPS[name].attrs else {}
        y = b.add(name, y, name=f"{name}.alone", **slope)
        x = b.add("add", x, y, name=f"sum{index}", activation="tanh")
    x = b.add("conv", x, y, name="fused", weights={"weight": "c0.weight"}, padding=(1, 1, 1, 1))
    x = b.batch_norm(x, name="bn", epsilon=1e-3)
    x = b.add("sub", x, b.constant(np.full((1, 4, 1, 1), 0.5), name="half"), name="sub")
    x = b.add("div", x, b.constant(np.full((4, 1, 1), 1.5), name="more"), name="div")
    size = b.add("add", b.add("abs", x, name="abs"), b.constant([1.0], name="one"), name="size")
    for name in sorted(set(FUNCTIONS) - {"abs"}):
        size = b.add("abs", b.add(name, size, name=name), name=f"{name}.abs")
        size = b.add("add", size, "one", name=f"{name}.size")
    x = b.add("prelu", x, b.constant(np.full((1, 4, 1, 1), 0.5), name="slope"), name="prelu")
    x = b.add("min", x, b.add("pow", size, x, name="pow"), name="min")
    x = b.add("max", x, b.add("neg", "one", name="low"), name="max of two")
    x = b.add("clip", x, name="clip", low=-0.75, high=0.5)
    x = b.add("pad", x, name="pad", padding=(0, 1, 2, 0), value=0.5)
    x = b.add(
        "slice", x, name="s", axes=(1, 2, 3), starts=(3, 1, 0), sizes=(4, 8, 5), steps=(-1, 1, 2)
    )
    x = b.add("gather", x, name="items", axis=-3, indices=(3, 0, 0, 1))
    x = b.add("transpose", x, name="turned", perm=(0, 1, 3, 2))
    x = b.add("pad", x, name="mirrored", padding=(0, 1, 1, 0, 0, 2), mode="reflect")
    x = b.add("resize", x, name="twice", shape=(1, 4, 12, 22), scales=(1.0, 1.0, 2.0, 2.0))
    how = {"mode": "linear", "coordinates": "align_corners"}
    x = b.add(
        "resize", x, name="less", shape=(1, 4, 7, 9), scales=(1.0, 1.0, 7 / 12, 9 / 22), **how
    )
    up = {"weight": b.weight("up", np.linspace(-1, 1, 64).reshape(4, 2, 2, 4))}
    up["bias"] = b.weight("up.bias", np.linspace(0, 1, 4))
    sides = {"stride": (2, 2), "padding": (0, 1, 1, 1), "output_padding": (1, 0)}
    x = b.add("conv_transpose", x, name="up", weights=up, groups=2, activation="tanh", **sides)
    x = b.add("lp_pool", x, name="lp", kernel=(2, 2), stride=(1, 2))
    left = b.add("max_pool", x, name="max", kernel=(3, 2), stride=(2, 2), ceil_mode=True)
    right = b.add(
        "average_pool", x, name="mean", kernel=(3, 2), stride=(2, 2), padding=(0, 1, 1, 0)
    )
    right = b.add("pad", right, name="same size", padding=(0, 0, 0, 0))
    left = b.add("global_average_pool", left, name="left")
    right = b.add("global_average_pool", right, name="right")
    right = b.add("expand", right, name="wide", shape=(1, 4, 1, 3))
    right = b.add("average_pool", right, name="narrow", kernel=(1, 2), dilation=(1, 2))
    x = b.add("concat", left, right, name="joined", axis=1)
    x = b.add("softmax", x, name="softmax", axis=1)
    keys = {"gamma": b.weight("g", np.arange(1.0, 9.0)), "beta": b.weight("h", np.ones(8))}
    for op, attrs in (("layer_norm", {"axis": 1}), ("instance_norm", {"epsilon": 0.5})):
        x = b.add(op, x, name=op, weights=keys, **attrs)
    x = b.add("local_response_norm", x, name="response", size=3, alpha=0.5)
    x = b.add("log_softmax", x, name="logs", axis=1)
    for op in REDUCTIONS:
        x = b.add("sub", x, b.add(op, x, name=op, axes=(1, 2), keep=True), name=f"{op}.less")
    x = b.add("matmul", x, b.constant([[0.5]], name="matrix"), name="product", depth=1)
    x = b.add("mul", x, x, name="square")
    x = b.add("reshape", x, name="reshape", shape=(1, 2, 4))
    x = b.add("identity", b.add("dropout", x, name="drop"), name="same")
    x = b.linear(b.add("flatten", x, name="flat"), 3, name="fc", bias=False)
    x = b.add("linear", x, name="fc2", weights={"weight": b.weight("w", np.eye(3))})
    return b.build(b.add("hard_swish", x, name="end"))


def test_every_operation_is_written_and_means_the_same_elsewhere() -> None:
    graph = every_operation()
    assert {node.op for node in graph.nodes} == set(OPS)
    assert onnx_exporter._WRITERS.keys() == OPS.keys()
    data = export_onnx(graph)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    assert error_against_torch(graph, data) < 1e-5
    back = import_onnx(data, name="all")
    assert error_against_torch(back, data) < 1e-5


def test_zeros_normalisation_and_classes_are_kept_and_masks_are_not() -> None:
    graph = build_model(
        "resnet8",
        input_shape=(1, 12, 12),
        classes=2,
        preprocessing=Preprocessing((0.2860,), (0.3530,)),
    )
    key = "layer1.0.conv1.weight"
    mask = np.random.default_rng(0).random(graph.weights[key].values.shape) < 0.4
    pruned = graph.with_weights({key: Weight(graph.weights[key].values, mask)})
    back = import_onnx(export_onnx(pruned), name="resnet8")
    assert back.preprocessing == graph.preprocessing
    assert back.weights[key].mask is None
    assert np.array_equal(back.weights[key].values, pruned.weights[key].values)
    named = GraphBuilder("named")
    end = named.add("relu", named.input((1, 2)), name="r")
    classes = ("T-shirt/top", 'a "quoted" \u2028 name')
    assert import_onnx(export_onnx(named.build(end, classes=classes)), name="n").classes == classes


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert export_onnx(small("resnet8")) == export_onnx(small("resnet8"))


def test_names_of_parts_do_not_meet_names_of_the_user() -> None:
    b = GraphBuilder("meeting")
    x = b.input((1, 2, 4, 4))
    y = b.conv(x, 2, 1, name="a", activation="silu")
    y = b.add("relu6", y, name="a:conv")
    y = b.add("add", y, x, name="a.weight")
    graph = b.build(y)
    data = export_onnx(graph)
    assert error_against_torch(graph, data) < 1e-5
    assert error_against_torch(import_onnx(data, name="m"), data) < 1e-5


def test_a_model_too_large_for_one_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_exporter, "_MAX_BYTES", 1000)
    with pytest.raises(GraphError, match="2 GiB"):
        export_onnx(small("resnet8"))
