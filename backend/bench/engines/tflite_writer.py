"""ONNX to a TFLite flatbuffer without TensorFlow: the operators of the benchmark's nets.

Values become NHWC. Convolutions whose padding TFLite's SAME does not describe get a PAD before
them; a linear layer behind a flatten has its columns reordered from CHW to HWC.
"""

from __future__ import annotations

import importlib
from math import prod
from pathlib import Path
from typing import Any

_UNARY = {"Relu": "RELU", "Clip": "RELU6", "Sigmoid": "LOGISTIC", "HardSwish": "HARD_SWISH"}
_FUSED = {"Relu": "RELU", "Clip": "RELU6"}


def tflite_bytes(model: Path) -> bytes:
    """Convert a file.

    Raises:
        NotImplementedError: an operator is not among those of the benchmark's nets.
    """
    return _Writer(importlib.import_module("onnx"), model).bytes()


class _Writer:
    def __init__(self, onnx: Any, model: Path) -> None:
        self.numpy: Any = importlib.import_module("numpy")
        self.schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
        self.attribute = onnx.helper.get_attribute_value
        self.graph = onnx.load(str(model)).graph
        self.stored = {t.name: onnx.numpy_helper.to_array(t) for t in self.graph.initializer}
        self.made_by = {node.output[0]: node for node in self.graph.node}
        self.readers: dict[str, list[Any]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.values: dict[str, int] = {}
        self.fused_away: set[str] = set()
        self.codes: dict[int, int] = {}
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.buffers: list[Any] = [self.schema.BufferT()]

    def bytes(self) -> bytes:
        """The whole file."""
        flatbuffers: Any = importlib.import_module("flatbuffers")
        source = self.graph.input[0]
        batch, channels, height, width = (
            axis.dim_value for axis in source.type.tensor_type.shape.dim
        )
        first = self.value(source.name, (batch, height, width, channels))
        for node in self.graph.node:
            if node.output[0] not in self.fused_away:
                write = getattr(self, f"_{node.op_type.lower()}", None)
                if write is None and node.op_type in _UNARY:
                    write = self._unary
                if write is None:
                    msg = f"{node.op_type} has no TFLite form here"
                    raise NotImplementedError(msg)
                write(node, {a.name: self.attribute(a) for a in node.attribute})
        model, part = self.schema.ModelT(), self.schema.SubGraphT()
        part.tensors, part.operators = self.tensors, self.operators
        part.inputs, part.outputs = [first], [self.values[self.graph.output[0].name]]
        model.version, model.buffers, model.subgraphs = 3, self.buffers, [part]
        model.operatorCodes = [self._code_entry(code) for code in self.codes]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def value(self, name: str, shape: tuple[int, ...], constant: Any = None) -> int:
        """A tensor of a name; a constant brings its data."""
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape = name, [int(size) for size in shape]
        kinds = self.schema.TensorType
        is_index = constant is not None and constant.dtype == self.numpy.int32
        tensor.type, tensor.buffer = kinds.INT32 if is_index else kinds.FLOAT32, 0
        if constant is not None:
            data = self.schema.BufferT()
            flat = self.numpy.ascontiguousarray(constant)
            data.data = self.numpy.frombuffer(flat.tobytes(), self.numpy.uint8)
            self.buffers.append(data)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        index = len(self.tensors) - 1
        self.shapes[index] = tuple(tensor.shape)
        if constant is None:
            self.values[name] = index
        return index

    def constant(self, name: str, array: Any) -> int:
        """A constant tensor."""
        return self.value(name, array.shape, array)

    def emit(self, code: str, inputs: list[int], output: int, options: Any = None) -> int:
        """An operator; `options` is one of the schema's option tables."""
        operator = self.schema.OperatorT()
        number = getattr(self.schema.BuiltinOperator, code)
        operator.opcodeIndex = self.codes.setdefault(number, len(self.codes))
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.operators.append(operator)
        return output

    def _code_entry(self, code: int) -> Any:
        entry = self.schema.OperatorCodeT()
        entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), 1
        return entry

    def _ends_as(self, node: Any) -> tuple[str, int]:
        """Name of what a node makes together with a ReLU behind it, and TFLite's word for that."""
        name, kinds = node.output[0], self.schema.ActivationFunctionType
        readers = self.readers.get(name, [])
        if len(readers) == 1 and readers[0].op_type in _FUSED:
            self.fused_away.add(readers[0].output[0])
            return readers[0].output[0], getattr(kinds, _FUSED[readers[0].op_type])
        return name, kinds.NONE

    def _padded(self, source: int, pad: int) -> int:
        """The input with a border of zeros; behind a ReLU a max pool may have them too."""
        if not pad:
            return source
        batch, height, width, channels = self.shapes[source]
        border = self.numpy.array([[0, 0], [pad, pad], [pad, pad], [0, 0]], self.numpy.int32)
        shape = (batch, height + 2 * pad, width + 2 * pad, channels)
        output = self.value(f"padded{len(self.tensors)}", shape)
        amounts = self.constant(f"border{len(self.tensors)}", border)
        return self.emit("PAD", [source, amounts], output, self.schema.PadOptionsT())

    def _conv(self, node: Any, attrs: dict[str, Any]) -> None:
        weight, bias = self.stored[node.input[1]], self.stored[node.input[2]]
        kernel, stride, pad = attrs["kernel_shape"][0], attrs["strides"][0], attrs["pads"][0]
        source = self.values[node.input[0]]
        batch, height, width, _ = self.shapes[source]
        same = stride == 1 and 2 * pad == kernel - 1
        if attrs["group"] == 1:
            code, options = "CONV_2D", self.schema.Conv2DOptionsT()
            packed = weight.transpose(0, 2, 3, 1)
        elif weight.shape[1] == 1 and attrs["group"] == len(weight):
            code, options = "DEPTHWISE_CONV_2D", self.schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
            packed = weight[:, 0].transpose(1, 2, 0)[None]
        else:
            msg = "grouped convolutions have no TFLite form here"
            raise NotImplementedError(msg)
        options.padding = self.schema.Padding.SAME if same else self.schema.Padding.VALID
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        name, options.fusedActivationFunction = self._ends_as(node)
        inputs = [
            source if same else self._padded(source, pad),
            self.constant(node.input[1], packed),
            self.constant(node.input[2], bias),
        ]
        rows = (height + 2 * pad - kernel) // stride + 1
        columns = (width + 2 * pad - kernel) // stride + 1
        self.emit(code, inputs, self.value(name, (batch, rows, columns, len(weight))), options)

    def _gemm(self, node: Any, _attrs: dict[str, Any]) -> None:
        weight, bias = self.stored[node.input[1]], self.stored[node.input[2]]
        before = self.made_by.get(node.input[0])
        if before is not None and before.op_type == "Flatten":
            _, height, width, channels = self.shapes[self.values[before.input[0]]]
            planes = weight.reshape(-1, channels, height, width)
            weight = planes.transpose(0, 2, 3, 1).reshape(weight.shape)
        options = self.schema.FullyConnectedOptionsT()
        name, options.fusedActivationFunction = self._ends_as(node)
        inputs = [
            self.values[node.input[0]],
            self.constant(node.input[1], weight),
            self.constant(node.input[2], bias),
        ]
        self.emit("FULLY_CONNECTED", inputs, self.value(name, (1, len(weight))), options)

    def _maxpool(self, node: Any, attrs: dict[str, Any]) -> None:
        kernel, stride = attrs["kernel_shape"][0], attrs["strides"][0]
        pad = attrs.get("pads", [0])[0]
        source = self._padded(self.values[node.input[0]], pad)
        batch, height, width, channels = self.shapes[source]
        options = self.schema.Pool2DOptionsT()
        options.padding = self.schema.Padding.VALID
        options.strideH = options.strideW = stride
        options.filterHeight = options.filterWidth = kernel
        shape = (batch, (height - kernel) // stride + 1, (width - kernel) // stride + 1, channels)
        self.emit("MAX_POOL_2D", [source], self.value(node.output[0], shape), options)

    def _globalaveragepool(self, node: Any, _attrs: dict[str, Any]) -> None:
        source = self.values[node.input[0]]
        batch, _, _, channels = self.shapes[source]
        options = self.schema.ReducerOptionsT()
        options.keepDims = True
        axes = self.constant(f"axes{len(self.tensors)}", self.numpy.array([1, 2], self.numpy.int32))
        output = self.value(node.output[0], (batch, 1, 1, channels))
        self.emit("MEAN", [source, axes], output, options)

    def _flatten(self, node: Any, _attrs: dict[str, Any]) -> None:
        source = self.values[node.input[0]]
        options = self.schema.ReshapeOptionsT()
        options.newShape = [1, prod(self.shapes[source])]
        wanted = self.numpy.array(options.newShape, self.numpy.int32)
        shape = self.constant(f"shape{len(self.tensors)}", wanted)
        output = self.value(node.output[0], tuple(options.newShape))
        self.emit("RESHAPE", [source, shape], output, options)

    def _add(self, node: Any, _attrs: dict[str, Any]) -> None:
        self._binary(node, "ADD", self.schema.AddOptionsT())

    def _mul(self, node: Any, _attrs: dict[str, Any]) -> None:
        self._binary(node, "MUL", self.schema.MulOptionsT())

    def _binary(self, node: Any, code: str, options: Any) -> None:
        inputs = [self.values[name] for name in node.input]
        name, options.fusedActivationFunction = self._ends_as(node)
        shape = max((self.shapes[index] for index in inputs), key=prod)
        self.emit(code, inputs, self.value(name, shape), options)

    def _unary(self, node: Any, _attrs: dict[str, Any]) -> None:
        source = self.values[node.input[0]]
        output = self.value(node.output[0], self.shapes[source])
        self.emit(_UNARY[node.op_type], [source], output)
