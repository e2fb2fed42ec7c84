"""The ONNX backend interface beyond what the suite of ONNX calls."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.shape_inference import infer_shapes
from onnx_files import model, one_node

from codegen.errors import ImportRefusedError
from codegen.exchange.onnx_backend import PunchcardBackend
from codegen.toolchain.compiler import cc_compiler
from tests.fixtures.toolchain import toolchain_cache


class HostBackend(PunchcardBackend):
    compiler = cc_compiler("gcc")
    cache_dir = toolchain_cache()


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def test_a_single_node_runs_as_a_model_of_its_own() -> None:
    left, right = floats(2, 3), floats(3)
    (total,) = HostBackend.run_node(helper.make_node("Add", ["x", "y"], ["z"]), [left, right])
    np.testing.assert_array_equal(total, left + right)
    node = helper.make_node("Softmax", ["x"], ["y"], axis=0)
    (made,) = HostBackend.run_node(node, [left], opset_version=13)
    np.testing.assert_allclose(made.sum(0), 1, rtol=1e-6)


def test_inputs_come_as_an_array_a_list_or_by_name_and_in_other_sizes() -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    made = infer_shapes(model([node], shape=("n", "channels", 4)))
    prepared = HostBackend.prepare(made)
    for shape in ((1, 2, 4), (3, 1, 4)):
        x = floats(*shape)
        for inputs in (x, [x], {"x": x}):
            np.testing.assert_array_equal(prepared.run(inputs)[0], np.maximum(x, 0))


def test_other_values_of_a_parameter_make_another_program() -> None:
    graph = helper.make_graph(
        [helper.make_node("Clip", ["x", "low"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [5]),
            helper.make_tensor_value_info("low", TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    prepared, x = HostBackend.prepare(made), floats(5)
    for low in (0.0, 0.5, 0.0):
        (got,) = prepared.run([x, np.float32(low)])
        np.testing.assert_array_equal(got, np.maximum(x, np.float32(low)))


def test_what_is_not_supported_is_named() -> None:
    prepared = HostBackend.prepare(infer_shapes(one_node("Hardmax")))
    with pytest.raises(ImportRefusedError, match="'Hardmax' at 'the node'"):
        prepared.run([floats(1, 3, 8, 8)])
    assert HostBackend.supports_device("CPU")
    assert not HostBackend.supports_device("CUDA")
