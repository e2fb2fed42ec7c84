"""ONNX files for tests: exported from torch, or written node by node."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

_RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    """Normal values in float32."""
    return _RNG.standard_normal(shape).astype(np.float32)


class Classic(nn.Module):
    """Conv, norm, pool, a flatten by view, linear, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(nn.Conv2d(8, 6, 3, 2, 1, groups=2), nn.BatchNorm2d(6))
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(6 * 4 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = F.leaky_relu(self.layer1(x), 0.2)
        return self.fc(self.drop(x.view(x.size(0), -1)))


def export(net: nn.Module, shape: tuple[int, ...], opset: int = 17, **options: Any) -> bytes:
    """What torch.onnx.export writes for a net in eval mode at batch 1."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(),
            (torch.zeros(1, *shape),),
            file,
            dynamo=False,
            opset_version=opset,
            input_names=["input"],
            **options,
        )
    return file.getvalue()


def run_onnx(data: bytes, x: np.ndarray) -> np.ndarray:
    """The first output by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def model(
    nodes: list[onnx.NodeProto],
    tensors: dict[str, Any] | None = None,
    *,
    shape: tuple[Any, ...] = (1, 3, 8, 8),
    output: str = "y",
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of one input `x` and one output."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), key) for key, v in (tensors or {}).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 8
    return made


def one_node(op: str, tensors: dict[str, Any] | None = None, **attrs: Any) -> onnx.ModelProto:
    """A model of one node that reads `x` and the tensors, in order."""
    opset = attrs.pop("opset", 17)
    shape = attrs.pop("shape", (1, 3, 8, 8))
    node = helper.make_node(op, ["x", *(tensors or {})], ["y"], name="the node", **attrs)
    return model([node], tensors, opset=opset, shape=shape)


def branching(condition: list[onnx.NodeProto]) -> bytes:
    """A model that takes relu or tanh by a value `c`, as torch writes `if x.numel() == 0`."""
    branches = {
        f"{word}_branch": helper.make_graph(
            [helper.make_node(op, ["x"], [op])], word, [], [helper.make_empty_tensor_value_info(op)]
        )
        for word, op in (("then", "Relu"), ("else", "Tanh"))
    }
    nodes = [*condition, helper.make_node("If", ["c"], ["b"], name="branch", **branches)]
    return model([*nodes, helper.make_node("Abs", ["b"], ["y"])]).SerializeToString()
