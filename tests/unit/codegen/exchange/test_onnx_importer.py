"""ONNX import: equal to onnxruntime on torch's own exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import helper
from onnx_files import Classic, branching, export, floats, model, one_node, run_onnx
from onnx_singles import MOVES, RESIZES, WINDOWS
from torch import Tensor, nn

from backend.models.graph_module import GraphModule
from codegen.exchange.onnx_importer import HANDLERS, import_onnx
from codegen.ir import Graph
from codegen.ir.passes import optimize

torch.set_num_threads(1)
WINDOWS_AND_MOVEMENT = {**WINDOWS, **MOVES, **RESIZES}


def assert_equal_to_onnxruntime(data: bytes, graph: Graph, batch: int = 1) -> None:
    x = floats(batch, *graph.inputs[0][1].shape[1:])
    expected = run_onnx(data, x)
    for form in (graph, optimize(graph)):
        with torch.inference_mode():
            got = GraphModule(form).eval()(torch.from_numpy(x)).numpy()
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= 1e-5 * max(1e-3, np.abs(expected).max())


class Residual(nn.Module):
    """Additions, concatenation, every activation, means, scalars."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.scale = nn.Parameter(torch.rand(1, 4, 1, 1))
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.a(x))
        z = F.hardswish(self.b(y)) + y * self.scale
        z = F.silu(z) - torch.sigmoid(y) * F.hardsigmoid(z) / 3.0
        both = torch.cat([torch.tanh(z), 2.0 * y + 1.5], 1)
        both = F.pad(both, (1, 2, 0, 1), value=0.25).clamp(-0.4, 0.9)
        return F.softmax(self.out(both.mean((2, 3))), 1)


class Pools(nn.Module):
    """Every kind of pool, asymmetric padding, ceil mode."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            [
                nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.AvgPool2d(3, 2, 1, count_include_pad=True),
                nn.AvgPool2d(3, 2, 1, count_include_pad=False),
                nn.AvgPool2d(2, 2),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = [pool(x) for pool in self.pools]
        ends = [F.adaptive_avg_pool2d(m, 1) + F.adaptive_max_pool2d(m, 1) for m in maps]
        return torch.cat([end.flatten(1) for end in ends], 1)


class Shaped(nn.Module):
    """Squeezes, reshapes by computed sizes, a linear layer by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(6, 4))
        self.bias = nn.Parameter(torch.rand(4))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x.reshape(n, 2, c // 2, h * w).reshape(n, c, h, w)
        x = F.avg_pool2d(x, (5, 4)).squeeze(3).squeeze(2)
        x = x.unsqueeze(-1).unsqueeze(-1).flatten(1)
        return x @ self.weight + self.bias


@dataclass(frozen=True)
class Net:
    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]


NETS = (
    Net("classic", Classic, (3, 16, 16)),
    Net("residual", Residual, (3, 7, 9)),
    Net("pools", Pools, (2, 11, 14)),
    Net("shaped", Shaped, (6, 5, 4)),
)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@pytest.mark.parametrize("opset", [9, 11, 13, 17, 20])
@pytest.mark.parametrize("dynamic_batch", [False, True], ids=["batch 1", "any batch"])
def test_torch_exports_give_the_numbers_of_onnxruntime(
    net: Net, opset: int, dynamic_batch: bool
) -> None:
    torch.manual_seed(0)
    axes = {"input": {0: "n"}} if dynamic_batch else None
    data = export(net.make(), net.shape, opset, dynamic_axes=axes)
    assert_equal_to_onnxruntime(data, import_onnx(data, name=net.name), 3 if dynamic_batch else 1)


def test_layers_carry_the_names_of_torch_modules() -> None:
    for folding in (True, False):
        data = export(Classic(), (3, 16, 16), do_constant_folding=folding)
        graph = import_onnx(data, name="net")
        layers = [node.name for node in graph.nodes if node.op in {"conv", "linear", "batch_norm"}]
        norms = [] if folding else ["bn1", "layer1.1"]
        assert sorted(layers) == sorted(["conv1", "layer1.0", "fc", *norms])
        assert "layer1.0.weight" in graph.weights


def test_equal_tensors_stored_once_do_not_rename_a_layer() -> None:
    """torch stores the equal fresh norms of two layers once; both keep their own name."""
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3))
    graph = import_onnx(export(net, (3, 4, 4), do_constant_folding=False), name="net")
    assert [n.name for n in graph.nodes if n.op == "batch_norm"] == ["1", "3"]


def test_gates_are_read_as_one_activation() -> None:
    graph = import_onnx(export(Residual(), (3, 8, 8), 13), name="net")
    ops = [node.op for node in graph.nodes]
    assert {"silu", "hard_swish", "relu6"} <= set(ops)


@dataclass(frozen=True)
class Single:
    name: str
    make: Callable[[], onnx.ModelProto]


def with_itself(op: str) -> onnx.ModelProto:
    """An operator on x * x, which is never negative."""
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"]), helper.make_node(op, ["s"], ["y"])]
    return model(nodes)


SINGLES = (
    Single(
        "conv same upper",
        lambda: one_node("Conv", {"w": floats(4, 3, 3, 2)}, auto_pad="SAME_UPPER", strides=[2, 2]),
    ),
    Single(
        "conv same lower",
        lambda: one_node("Conv", {"w": floats(4, 3, 2, 3)}, auto_pad="SAME_LOWER", strides=[3, 2]),
    ),
    Single("conv valid", lambda: one_node("Conv", {"w": floats(4, 3, 3, 3)}, auto_pad="VALID")),
    Single(
        "max pool same",
        lambda: one_node("MaxPool", kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
    ),
    Single(
        "max pool asymmetric", lambda: one_node("MaxPool", kernel_shape=[3, 2], pads=[2, 1, 0, 1])
    ),
    Single(
        "average pool asymmetric",
        lambda: one_node(
            "AveragePool", kernel_shape=[3, 3], pads=[0, 1, 2, 0], count_include_pad=1
        ),
    ),
    Single("reduce mean axes input", lambda: one_node("ReduceMean", {"a": [-1, -2]}, opset=18)),
    Single("reduce mean attribute", lambda: one_node("ReduceMean", axes=[2, 3], keepdims=0)),
    Single("reduce max", lambda: one_node("ReduceMax", {"a": [2, 3]}, opset=18, keepdims=0)),
    Single("clip old", lambda: one_node("Clip", min=-0.5, max=0.25, opset=9)),
    Single("clip open", lambda: one_node("Clip", {"low": np.float32(0.1)})),
    Single("hard sigmoid default", lambda: one_node("HardSigmoid")),
    Single("mul scalar", lambda: one_node("Mul", {"s": np.float32(3)})),
    Single("div channel", lambda: one_node("Div", {"s": np.abs(floats(3, 1, 1)) + 1})),
    Single(
        "gemm scaled",
        lambda: one_node(
            "Gemm", {"w": floats(6, 4), "b": floats(1)}, alpha=0.5, beta=2.0, shape=(1, 6)
        ),
    ),
    Single("softmax channels", lambda: one_node("Softmax", axis=1)),
    Single(
        "transpose of ones",
        lambda: one_node("Transpose", perm=[0, 3, 1, 2], shape=(1, 3, 8, 1)),
    ),
    Single(
        "pad of axes",
        lambda: one_node("Pad", {"p": [1, 2], "v": np.float32(2), "a": [-1]}, opset=18),
    ),
    Single("pad old", lambda: one_node("Pad", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=1.5, opset=9)),
    Single("global max pool", lambda: one_node("GlobalMaxPool")),
    Single("identity", lambda: one_node("Identity")),
    Single("dropout", lambda: one_node("Dropout", {"ratio": np.float32(0.3)})),
    *(
        Single(op, lambda op=op: one_node(op, opset=20))
        for op in ("Abs", "Ceil", "Elu", "Erf", "Exp", "Floor", "Gelu", "Mish", "Neg", "Round")
    ),
    *(
        Single(op, lambda op=op: one_node(op))
        for op in ("Selu", "Sigmoid", "Sign", "Softplus", "Softsign")
    ),
    *(Single(op, lambda op=op: with_itself(op)) for op in ("Log", "Sqrt", "Reciprocal")),
    *(
        Single(op, lambda op=op: one_node(op, {"s": floats(3, 1, 1), "t": floats(1, 8)}))
        for op in ("Max", "Min", "Sum", "Mean")
    ),
    *(
        Single(op, lambda op=op: one_node(op, axes=[1], keepdims=0))
        for op in ("ReduceL1", "ReduceL2", "ReduceMin", "ReduceSumSquare")
    ),
    Single("reduce sum", lambda: one_node("ReduceSum", {"a": [1, 3]})),
    Single("reduce log sum", lambda: with_itself("ReduceLogSum")),
    Single("log softmax", lambda: one_node("LogSoftmax", axis=2)),
    Single("softmax old", lambda: one_node("Softmax", axis=1, opset=11)),
    Single(
        "layer norm",
        lambda: one_node("LayerNormalization", {"g": floats(8, 8), "b": floats(8)}, axis=2),
    ),
    Single(
        "instance norm", lambda: one_node("InstanceNormalization", {"g": floats(3), "b": floats(3)})
    ),
    Single(
        "group norm",
        lambda: one_node(
            "GroupNormalization",
            {"g": floats(4), "b": floats(4)},
            num_groups=2,
            opset=21,
            shape=(1, 4, 5, 3),
        ),
    ),
    Single("lrn", lambda: one_node("LRN", size=5, alpha=0.3, bias=2.0)),
    Single("matmul batched", lambda: one_node("MatMul", {"w": floats(3, 8, 5)})),
    Single("gelu tanh", lambda: one_node("Gelu", approximate="tanh", opset=20)),
    Single("pow two", lambda: one_node("Pow", {"s": np.float32(2)})),
    Single("pow three", lambda: one_node("Pow", {"s": np.int64(3)})),
    Single("prelu channel", lambda: one_node("PRelu", {"s": floats(3, 1, 1)})),
    Single("prelu one", lambda: one_node("PRelu", {"s": floats(1)})),
    Single("hard sigmoid other", lambda: one_node("HardSigmoid", alpha=0.3, beta=0.4)),
    Single("dropout old", lambda: one_node("Dropout", ratio=0.3, opset=9)),
)


@pytest.mark.parametrize("single", SINGLES, ids=lambda single: single.name)
def test_single_operators_give_the_numbers_of_onnxruntime(single: Single) -> None:
    data = single.make().SerializeToString()
    assert_equal_to_onnxruntime(data, import_onnx(data, name="one"))


def test_every_handler_is_reached_by_an_accepted_model() -> None:
    """Keeps the table honest: no row that no test imports."""
    seen = {"Cast", "CastLike", "Swish"}
    for make in (*(single.make for single in SINGLES), *WINDOWS_AND_MOVEMENT.values()):
        seen.update(node.op_type for node in make().graph.node)
    for net in NETS:
        for opset in (9, 11, 13, 17):
            data = export(net.make(), net.shape, opset, do_constant_folding=False)
            seen.update(node.op_type for node in onnx.load_from_string(data).graph.node)
    assert HANDLERS.keys() <= seen


def test_a_newer_opset_swish_and_a_cast_are_read() -> None:
    data = one_node("Swish", opset=24).SerializeToString()
    assert [n.op for n in import_onnx(data, name="s").nodes] == ["silu"]
    data = one_node("Cast", to=1).SerializeToString()
    assert [n.op for n in import_onnx(data, name="s").nodes] == ["identity"]


def test_a_bias_shared_with_another_reader_stays_an_addition() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["s"]),
        helper.make_node("Mul", ["s", "m"], ["y"]),
    ]
    data = model(nodes, {"w": floats(6, 4), "b": floats(4)}, shape=("n", 6)).SerializeToString()
    graph = import_onnx(data, name="m")
    assert [node.op for node in graph.nodes] == ["linear", "constant", "add", "mul"]
    assert_equal_to_onnxruntime(data, graph, 2)


def test_a_branch_whose_condition_is_known_is_taken() -> None:
    known = [
        helper.make_node("Size", ["x"], ["s"]),
        helper.make_node("Constant", [], ["z"], value_int=0),
        helper.make_node("Equal", ["s", "z"], ["c"]),
    ]
    data = branching(known)
    graph = import_onnx(data, name="m")
    assert [node.op for node in graph.nodes] == ["tanh", "abs"]
    assert_equal_to_onnxruntime(data, graph)


def test_nodes_the_output_does_not_need_are_left_out() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["unused"]),
        helper.make_node("Tanh", ["x"], ["y"]),
    ]
    graph = import_onnx(model(nodes).SerializeToString(), name="m")
    assert [node.op for node in graph.nodes] == ["tanh"]
