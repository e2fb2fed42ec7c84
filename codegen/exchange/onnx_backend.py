"""ONNX's own backend interface over this compiler: import, generate C, build, run the program.

`onnx.backend.test.BackendTest` and every tool that takes an `onnx.backend.base.Backend` drive it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnx.backend.base import Backend, BackendRep

from codegen.compiler import generate
from codegen.errors import ToolchainError
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir.graph import Graph
from codegen.targets.registry import host_target
from codegen.targets.target import Target
from codegen.toolchain.build import build
from codegen.toolchain.command import run_command
from codegen.toolchain.compiler import Compiler

AnyArray = npt.NDArray[Any]

PARAMETERS: Mapping[str, frozenset[int]] = {
    "BatchNormalization": frozenset({1, 2, 3, 4}),
    "Clip": frozenset({1, 2}),
    "Conv": frozenset({1, 2}),
    "ConvTranspose": frozenset({1, 2}),
    "Dropout": frozenset({1}),
    "Gemm": frozenset({1, 2}),
    "GroupNormalization": frozenset({1, 2}),
    "InstanceNormalization": frozenset({1, 2}),
    "LayerNormalization": frozenset({1, 2}),
    "PRelu": frozenset({1}),
    "Pad": frozenset({2}),
    "Resize": frozenset({1, 2}),
    "Upsample": frozenset({1}),
}
"""f32 inputs of an operator that are its weights, limits or scales: a net stores them."""


class PunchcardBackend(Backend):
    """Compiles models for this computer.

    Class attributes choose how; a subclass may set others.

    Attributes:
        compiler: which C compiler builds; zig by default.
        target: what to build for; this computer by default.
        cache_dir: folder of compiled objects; one of this process by default.
    """

    compiler: Compiler | None = None
    target: Target | None = None
    cache_dir: Path | None = None

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> CompiledModel:  # noqa: ANN401 - onnx's own signature
        """The model, checked; it is compiled at its first run, when its sizes are known.

        Raises:
            onnx.checker.ValidationError: the model breaks a rule of ONNX.
        """
        super().prepare(model, device, **kwargs)
        return cls._compiled(model)

    @classmethod
    def _compiled(cls, model: onnx.ModelProto) -> CompiledModel:
        return CompiledModel(
            model, cls.target or host_target(), cls.compiler, cls.cache_dir or _own_folder()
        )

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,  # noqa: ANN401 - onnx's own signature
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[AnyArray, ...]:
        """The outputs of one node, compiled as a model of its own."""
        super().run_node(node, inputs, device, outputs_info, **kwargs)
        values = [np.asarray(item) for item in inputs]
        named = zip((name for name in node.input if name), values, strict=True)
        graph = helper.make_graph(
            [node],
            "node",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
                )
                for name, value in named
            ],
            [
                helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
                for name in node.output
                if name
            ],
        )
        version = kwargs.get("opset_version", onnx.defs.onnx_opset_version())
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
        # The node was checked; a whole model would have to tell the shapes of its outputs.
        return cls._compiled(model).run(values)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether a device is this computer's processor."""
        return device == "CPU"


class CompiledModel(BackendRep):
    """A model that is compiled for the sizes and parameters its first run brings.

    Args:
        model: the checked model.
        target: what to build for.
        compiler: which C compiler; None is zig.
        cache_dir: folder of compiled objects.
    """

    def __init__(
        self, model: onnx.ModelProto, target: Target, compiler: Compiler | None, cache_dir: Path
    ) -> None:
        self._model = model
        self._target = target
        self._compiler = compiler
        self._cache_dir = cache_dir
        stored = {tensor.name for tensor in model.graph.initializer}
        self._inputs = [value for value in model.graph.input if value.name not in stored]
        self._folded = _folded_names(model)
        self._programs: dict[str, _Program] = {}

    def run(self, inputs: Any, **kwargs: Any) -> tuple[AnyArray, ...]:  # noqa: ANN401, ARG002
        """The outputs for a list of arrays, or for one by name.

        Inputs that are not f32 (shapes, axes, indices), that have no elements, or that are
        parameters of an operator are folded into the program: for other values of them another
        is built.

        Raises:
            ImportRefusedError: the model holds what is not supported; all of it is named.
            ToolchainError: the C compiler or the program failed.
        """
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        if not isinstance(inputs, Mapping):
            inputs = dict(zip((value.name for value in self._inputs), inputs, strict=False))
        values = {name: np.asarray(value) for name, value in inputs.items()}
        fixed = {name: value for name, value in values.items() if self._is_fixed(name, value)}
        live = {name: value for name, value in values.items() if name not in fixed}
        key = _digest(fixed, {name: value.shape for name, value in live.items()})
        if key not in self._programs:
            model = _specialised(self._model, fixed, live)
            data = model.SerializeToString()
            graph = import_onnx(data, name="model", any_shape=True, several=True)
            self._programs[key] = _Program(graph, self._target, self._compiler, self._cache_dir)
        return self._programs[key].run(live)

    def _is_fixed(self, name: str, value: AnyArray) -> bool:
        return name in self._folded or value.dtype != np.float32 or not value.size


class _Program:
    """A built graph in a folder of its own."""

    def __init__(
        self, graph: Graph, target: Target, compiler: Compiler | None, cache_dir: Path
    ) -> None:
        self._graph = graph
        nodes = [graph.by_name[name] for name in graph.outputs]
        self._is_folded = all(node.op == "constant" for node in nodes)
        if self._is_folded:
            return  # there is nothing to compute
        bundle = generate(graph, target)
        binary = build(bundle, target, compiler=compiler, cache_dir=cache_dir)
        self._home = tempfile.TemporaryDirectory(prefix="punchcard-backend-")
        self._folder = Path(self._home.name)
        (self._folder / "model").write_bytes(binary.elf)
        (self._folder / "model").chmod(0o700)
        (self._folder / "weights.bin").write_bytes(bundle.weights)

    def run(self, inputs: Mapping[str, AnyArray]) -> tuple[AnyArray, ...]:
        """The graph's outputs."""
        if self._is_folded:
            nodes = (self._graph.by_name[name] for name in self._graph.outputs)
            return tuple(self._graph.weights[node.weights["value"]].values for node in nodes)
        parts = [
            np.ascontiguousarray(inputs[name], dtype="<f4").tobytes()
            for name, _ in self._graph.inputs
        ]
        (self._folder / "input.bin").write_bytes(b"".join(parts))
        argv = ["./model", "--weights", "weights.bin", "--input", "input.bin"]
        argv += ["--output", "output.bin", "--repeat", "1", "--warmup", "0"]
        done = run_command(argv, folder=self._folder, zig_cache=self._folder)
        if done.status != 0:
            msg = f"the compiled model failed: {done.first_error}"
            raise ToolchainError(msg)
        flat = np.fromfile(self._folder / "output.bin", dtype="<f4")
        shapes = [self._graph.type_of(name).shape for name in self._graph.outputs]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        pieces = np.split(flat, ends[:-1])
        return tuple(item.reshape(s) for item, s in zip(pieces, shapes, strict=True))


def _folded_names(model: onnx.ModelProto) -> frozenset[str]:
    """Inputs of the model that some operator reads as its parameter."""
    return frozenset(
        name
        for node in model.graph.node
        for index, name in enumerate(node.input)
        if index in PARAMETERS.get(node.op_type, ())
    )


def _specialised(
    model: onnx.ModelProto, fixed: Mapping[str, AnyArray], live: Mapping[str, AnyArray]
) -> onnx.ModelProto:
    """The model with some inputs stored and the others of a known shape."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    stored = {tensor.name for tensor in copy.graph.initializer}
    kept = [value for value in copy.graph.input if value.name in live or value.name in stored]
    del copy.graph.input[:]
    for value in kept:
        if value.name in live:
            shape = live[value.name].shape
            value = helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, shape)
        copy.graph.input.append(value)
    for name, array in fixed.items():
        copy.graph.initializer.append(numpy_helper.from_array(array, name))
    return copy


def _digest(fixed: Mapping[str, AnyArray], shapes: Mapping[str, tuple[int, ...]]) -> str:
    state = hashlib.sha256(repr(sorted(shapes.items())).encode())
    for name, value in sorted(fixed.items()):
        state.update(f"\0{name}\0{value.dtype}\0{value.shape}\0".encode() + value.tobytes())
    return state.hexdigest()


@cache
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="punchcard-backend-cache-"))
