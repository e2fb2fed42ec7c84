"""ONNX files for tests: exported from torch, or written node by node."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn


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
