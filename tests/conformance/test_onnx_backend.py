"""ONNX's own backend test suite against our compiler: every node test of the operators we take."""

from __future__ import annotations

import re
import unittest
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.backend.test import BackendTest
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from codegen.exchange.onnx_backend import PunchcardBackend
from codegen.toolchain.compiler import cc_compiler
from tests.fixtures.toolchain import toolchain_cache

OPERATORS = frozenset({
    # pointwise
    "Abs", "Ceil", "Clip", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish",
    "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid",
    "Sign", "Softplus", "Softsign", "Sqrt", "Swish", "Tanh",
    # of several values
    "Add", "Div", "Max", "Mean", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum",
    # products, reductions, normalisations
    "BatchNormalization", "Gemm", "GroupNormalization", "InstanceNormalization", "LRN",
    "LayerNormalization", "LogSoftmax", "MatMul", "ReduceL1", "ReduceL2", "ReduceLogSum",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare", "Softmax",
    # of types and shapes
    "Cast", "CastLike", "Constant", "ConstantOfShape", "Dropout", "Shape",
    # windows
    "AveragePool", "Conv", "ConvTranspose", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool",
    "LpPool", "MaxPool",
    # movement
    "CenterCropPad", "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Pad", "Reshape",
    "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
    "Upsample",
})  # fmt: skip
"""Operators whose node tests must pass, alone and in the suite's own decompositions."""

EXCLUDED: dict[str, str] = {
    "_training_mode|training_dropout": "training: a compiled net only infers",
}
"""Pattern of a test's name, and why it is not run."""

LIGHT_MODELS = frozenset(
    f"test_{name}"
    for name in (
        "bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet",
        "squeezenet", "vgg19", "zfnet512",
    )
)  # fmt: skip
"""The suite's whole networks, with weights that are one number each."""

SLOW_MODELS = frozenset({"test_bvlc_alexnet", "test_vgg19", "test_zfnet512"})
"""60 million weights and more: 4 to 9 s and up to 3 GB each."""

_KINDS = ("node", "simple")
"""The suite's models that came out of torch are of opset 6, which is older than what is read."""


class HostBackend(PunchcardBackend):
    """Built by gcc, whose links are quickest; objects are kept between runs."""

    compiler = cc_compiler("gcc")
    cache_dir = toolchain_cache()


def _is_wanted(case: TestCase) -> bool:
    """Whether a test reads and gives f32 and consists of our operators alone."""
    if case.model is None:
        graph = onnx.load(Path(case.model_dir) / "model.onnx").graph
    else:
        graph = case.model.graph
    if not {node.op_type for node in graph.node} <= OPERATORS:
        return False
    read = [value.type.tensor_type.elem_type for value in graph.input]
    made = {value.type.tensor_type.elem_type for value in graph.output}
    # Inputs behind the first may be whole numbers: shapes, axes, indices.
    return read[:1] == [onnx.TensorProto.FLOAT] and made == {onnx.TensorProto.FLOAT}


def _reason(name: str) -> str | None:
    return next((why for pattern, why in EXCLUDED.items() if re.search(pattern, name)), None)


def _selected() -> dict[str, type[unittest.TestCase]]:
    """The suite's test classes with the wanted tests alone."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = [case for kind in _KINDS for case in load_model_tests(kind=kind)]
        wanted = LIGHT_MODELS | {case.name for case in cases if _is_wanted(case)}
        classes = BackendTest(HostBackend, __name__).test_cases
    found = {}
    for class_name, made in classes.items():
        for name in [item for item in vars(made) if item.startswith("test_")]:
            base = name.removesuffix("_cpu")
            if base not in wanted or base == name or _reason(name):
                delattr(made, name)
            elif base in SLOW_MODELS:
                setattr(made, name, pytest.mark.slow(getattr(made, name)))
        if any(item.startswith("test_") for item in vars(made)):
            found[class_name] = made
    return found


@pytest.fixture(autouse=True)
def private_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite writes the inputs of its light models to a folder."""
    monkeypatch.setenv("ONNX_MODELS", str(tmp_path))


globals().update(_selected())


def test_every_exclusion_still_names_a_test() -> None:
    names = {case.name for kind in _KINDS for case in load_model_tests(kind=kind)}
    for pattern in EXCLUDED:
        assert any(re.search(pattern, name) for name in names), pattern
