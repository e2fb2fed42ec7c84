"""Reads an ONNX model into a graph, or says everything that stands against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from codegen.errors import GraphError, ImportRefusedError
from codegen.exchange import onnx_algebra as algebra
from codegen.exchange import onnx_pieces as pieces
from codegen.exchange import onnx_pointwise as pointwise
from codegen.exchange import onnx_resize as resizing
from codegen.exchange import onnx_shapes as shapes
from codegen.exchange import onnx_windows as windows
from codegen.exchange.onnx_constants import Budget, fold
from codegen.exchange.onnx_file import check_graph, opset_of, read_model
from codegen.exchange.onnx_hints import CUSTOM_DOMAIN, SECOND_OUTPUT, SUBGRAPH, hint_for
from codegen.exchange.onnx_node import (
    Constant,
    Flow,
    NodeRefusedError,
    OnnxNode,
    Value,
    read_tensor,
)
from codegen.exchange.onnx_scope import Scope
from codegen.exchange.onnx_signature import (
    read_classes,
    read_inputs,
    read_outputs,
    read_preprocessing,
)
from codegen.exchange.report import SupportReport, UnsupportedNode, shown
from codegen.ir.graph import Graph
from codegen.ir.macs import dense_macs, parameter_count
from codegen.ir.tensor import TensorType
from codegen.ir.verify import verify_graph

Handler = Callable[[Scope, OnnxNode], Value | tuple[Value | None, ...]]
"""Adds what an operator means to the scope; several outputs are told as a tuple."""

HANDLERS: dict[str, Handler] = {
    "Abs": pointwise.activation("abs"),
    "Add": pointwise.arithmetic("add"),
    "AveragePool": windows.average_pool,
    "BatchNormalization": algebra.batch_norm,
    "Cast": pointwise.cast,
    "CastLike": pointwise.cast_like,
    "Ceil": pointwise.activation("ceil"),
    "CenterCropPad": pieces.center_crop_pad,
    "Clip": pointwise.clip,
    "Concat": pieces.concat,
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "DepthToSpace": shapes.depth_to_space,
    "Div": pointwise.arithmetic("div"),
    "Dropout": pointwise.dropout,
    "Elu": pointwise.sloped("elu", 1.0),
    "Erf": pointwise.activation("erf"),
    "Exp": pointwise.activation("exp"),
    "Expand": shapes.expand,
    "Flatten": shapes.flatten,
    "Floor": pointwise.activation("floor"),
    "Gather": pieces.gather,
    "Gelu": pointwise.gelu,
    "Gemm": algebra.gemm,
    "GlobalAveragePool": windows.global_average_pool,
    "GlobalLpPool": windows.global_lp_pool,
    "GlobalMaxPool": windows.global_max_pool,
    "GroupNormalization": algebra.group_norm,
    "HardSigmoid": pointwise.hard_sigmoid,
    "HardSwish": pointwise.activation("hard_swish"),
    "Identity": shapes.identity,
    "InstanceNormalization": algebra.instance_norm,
    "LRN": algebra.local_response_norm,
    "LayerNormalization": algebra.layer_norm,
    "LeakyRelu": pointwise.sloped("leaky_relu", 0.01),
    "Log": pointwise.activation("log"),
    "LogSoftmax": algebra.softmax("log_softmax"),
    "LpPool": windows.lp_pool,
    "MatMul": algebra.matmul,
    "Max": pointwise.joined("max"),
    "MaxPool": windows.max_pool,
    "Mean": pointwise.mean,
    "Min": pointwise.joined("min"),
    "Mish": pointwise.activation("mish"),
    "Mul": pointwise.arithmetic("mul"),
    "Neg": pointwise.activation("neg"),
    "PRelu": pointwise.prelu,
    "Pad": pieces.pad,
    "Pow": pointwise.power,
    "Reciprocal": pointwise.activation("reciprocal"),
    "ReduceL1": algebra.composed("abs", "reduce_sum", ""),
    "ReduceL2": algebra.composed("square", "reduce_sum", "sqrt"),
    "ReduceLogSum": algebra.composed("", "reduce_sum", "log"),
    "ReduceMax": algebra.reduction("reduce_max"),
    "ReduceMean": algebra.reduction("reduce_mean"),
    "ReduceMin": algebra.reduction("reduce_min"),
    "ReduceSum": algebra.reduction("reduce_sum"),
    "ReduceSumSquare": algebra.composed("square", "reduce_sum", ""),
    "Relu": pointwise.activation("relu"),
    "Reshape": shapes.reshape,
    "Resize": resizing.resize,
    "Round": pointwise.activation("round"),
    "Selu": pointwise.selu,
    "Sigmoid": pointwise.activation("sigmoid"),
    "Sign": pointwise.activation("sign"),
    "Slice": pieces.cut,
    "Softmax": algebra.softmax("softmax"),
    "Softplus": pointwise.activation("softplus"),
    "Softsign": pointwise.softsign,
    "SpaceToDepth": shapes.space_to_depth,
    "Split": pieces.split,
    "Sqrt": pointwise.activation("sqrt"),
    "Squeeze": shapes.squeeze,
    "Sub": pointwise.arithmetic("sub"),
    "Sum": pointwise.joined("add"),
    "Swish": pointwise.swish,
    "Tanh": pointwise.activation("tanh"),
    "Tile": shapes.tile,
    "Transpose": shapes.transpose,
    "Unsqueeze": shapes.unsqueeze,
    "Upsample": resizing.upsample,
}
"""What each operator becomes when one of its inputs depends on the picture."""

# What reading a forged attribute or shape can raise beside our own errors.
_DAMAGE = (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AssertionError)
_LISTED = 20


def import_onnx(
    source: Path | bytes, *, name: str, any_shape: bool = False, several: bool = False
) -> Graph:
    """Read a model.

    Args:
        source: a file or its bytes.
        name: of the graph.
        any_shape: take an input of any static shape; by default it is a picture at batch 1, as
            training and the search want it.
        several: take any number of inputs and outputs; by default one of each.

    Raises:
        ImportRefusedError: it is not a whole ONNX file, breaks a limit, has dynamic shapes or
            external data, or holds nodes that are not supported (all are listed).
    """
    result = _convert(source, name, any_shape=any_shape, several=several)
    if result.graph is None:
        raise ImportRefusedError(_refusal(name, result.report.unsupported))
    return result.graph


def inspect_onnx(
    source: Path | bytes, *, name: str = "model", any_shape: bool = False
) -> SupportReport:
    """Say what of a model can be compiled.

    Raises:
        ImportRefusedError: the file cannot be read as a model of static shape at all.
    """
    return _convert(source, name, any_shape=any_shape, several=False).report


@dataclass(frozen=True)
class _Conversion:
    graph: Graph | None
    report: SupportReport


class _Walk:
    """One pass over the nodes: what is known of every value, and what went wrong."""

    def __init__(self, model: onnx.ModelProto, scope: Scope, inputs: Iterable[str]) -> None:
        self.scope = scope
        self.problems: list[UnsupportedNode] = []
        self.values: dict[str, Value] = {name: scope.flow(name) for name in inputs}
        self.lost: set[str] = set()
        self._opset = opset_of(model)
        self._budget = Budget()
        self._stored: dict[str, onnx.TensorProto] = {}
        self._readers: Counter[str] = Counter()
        self._enter(model.graph)

    def take(self, proto: onnx.NodeProto) -> None:
        """Convert one node, or note why not; what depends on a lost value is lost silently."""
        branch = self._known_branch(proto)
        if branch is not None:
            self._take_branch(proto, branch)
            return
        try:
            found = self._value_of(proto)
            values = found if isinstance(found, tuple) else (found,)
            self._check_outputs(proto, len(values))
        except NodeRefusedError as error:
            self._refuse(proto, str(error))
            return
        except GraphError as error:
            self._refuse(proto, str(error).rpartition("): ")[2])
            return
        except _DAMAGE:
            self._refuse(proto, "its inputs or attributes are damaged; export the model again")
            return
        names = [str(name) for name in proto.output]
        if any(name and (name in self.values or name in self.lost) for name in names):
            self._refuse(proto, "it makes a value that another node makes too")
            return
        made = {n: v for n, v in zip(names, values, strict=False) if v is not None and n}
        self.values.update(made)
        self.lost.update(name for name in names if name not in made)

    def _enter(self, graph: onnx.GraphProto) -> None:
        """Note what a graph stores and reads."""
        self._stored.update({str(tensor.name): tensor for tensor in graph.initializer})
        self._readers.update(name for node in graph.node for name in node.input)
        self._readers.update(value.name for value in graph.output)

    def _known_branch(self, proto: onnx.NodeProto) -> onnx.GraphProto | None:
        """The branch of an If whose condition is known at import: exporters write such of sizes."""
        if proto.op_type != "If" or proto.domain not in {"", "ai.onnx"} or len(proto.input) != 1:
            return None
        condition = self.values.get(str(proto.input[0]))
        if not isinstance(condition, Constant) or condition.array.size != 1:
            return None
        name = "then_branch" if condition.array.reshape(-1)[0] else "else_branch"
        return next((a.g for a in proto.attribute if a.name == name and a.HasField("g")), None)

    def _take_branch(self, proto: onnx.NodeProto, branch: onnx.GraphProto) -> None:
        """Convert the nodes of a branch in place of its node."""
        check_graph(branch)
        self._enter(branch)
        for inner in branch.node:
            self.take(inner)
        for name, output in zip(proto.output, branch.output, strict=False):
            try:
                value = self._lookup(str(output.name))
            except NodeRefusedError as error:
                self._refuse(proto, str(error))
                return
            if value is None or name in self.values:
                self.lost.add(str(name))
            else:
                self.values[str(name)] = value

    def _check_outputs(self, proto: onnx.NodeProto, made: int) -> None:
        """Refuse a node of which somebody reads an output that is not made."""
        if any(self._readers[str(name)] for name in proto.output[made:] if name):
            raise NodeRefusedError(SECOND_OUTPUT)

    def _refuse(self, proto: onnx.NodeProto, hint: str) -> None:
        name = proto.name or (proto.output[0] if proto.output else "")
        self.problems.append(UnsupportedNode(str(name), str(proto.op_type), hint[:300]))
        self.lost.update(map(str, proto.output))

    def _value_of(self, proto: onnx.NodeProto) -> Value | tuple[Value | None, ...] | None:
        if proto.domain not in {"", "ai.onnx"}:
            raise NodeRefusedError(CUSTOM_DOMAIN)
        if any(attribute.HasField("g") or attribute.graphs for attribute in proto.attribute):
            hint = hint_for(proto.op_type)
            raise NodeRefusedError(hint if proto.op_type in {"If", "Loop", "Scan"} else SUBGRAPH)
        inputs = tuple(self._lookup(str(name)) if name else None for name in proto.input)
        lost = any(name in self.lost for name in proto.input)
        node = OnnxNode(proto, inputs, self._opset, self._readers)
        if not lost:
            known = fold(node, self._budget)
            if known is not None:
                return known
        handler = HANDLERS.get(node.op)
        if handler is None and not (lost and node.op in _MAY_BE_SHAPES):
            raise NodeRefusedError(hint_for(node.op))
        if lost or handler is None:
            return None
        if not any(isinstance(value, Flow) for value in inputs):
            msg = "it reads constants alone and is not computed at import"
            raise NodeRefusedError(msg)
        return handler(self.scope, node)

    def _lookup(self, name: str) -> Value | None:
        if name in self.values:
            return self.values[name]
        if name in self._stored:
            self.values[name] = Constant(read_tensor(self._stored[name]), key=name)
            return self.values[name]
        if name not in self.lost:
            msg = f"it reads {shown(name)}, which no earlier node makes"
            raise NodeRefusedError(msg)
        return None


_MAY_BE_SHAPES = frozenset(
    {"Shape", "Gather", "Slice", "ConstantOfShape", "Expand", "Where", "Equal", "Range", "Size"}
)
"""Not reported behind a lost value: usually arithmetic on its shape."""


def _convert(source: Path | bytes, name: str, *, any_shape: bool, several: bool) -> _Conversion:
    try:
        model = read_model(source)
        inputs = read_inputs(model, any_shape=any_shape, several=several)
        outputs = read_outputs(model, several=several)
        walk = _Walk(model, Scope(name, inputs), inputs)
        for proto in model.graph.node:
            walk.take(proto)
        graph = None if walk.problems else _finish(model, walk, inputs, outputs, several=several)
    except MemoryError:
        msg = f"{shown(name)} needs more memory than there is here"
        raise ImportRefusedError(msg) from None
    measured = graph or Graph(name, (), (), tuple(walk.scope.nodes.values()), walk.scope.weights)
    report = SupportReport(
        supported=graph is not None,
        nodes=len(model.graph.node),
        unsupported=tuple(walk.problems),
        macs=sum(dense_macs(measured, node) for node in measured.nodes),
        parameters=parameter_count(measured),
    )
    return _Conversion(graph, report)


def _finish(
    model: onnx.ModelProto,
    walk: _Walk,
    inputs: Mapping[str, TensorType],
    outputs: tuple[str, ...],
    *,
    several: bool,
) -> Graph:
    made = []
    for output in outputs:
        value = walk.values.get(output)
        if several and isinstance(value, Constant) and value.array.dtype == np.float32:
            value = walk.scope.fixed(output, value.array)
        if not isinstance(value, Flow):
            msg = (
                f"the output {shown(output)} does not depend on the picture; export the model again"
            )
            raise ImportRefusedError(msg)
        if value.name not in walk.scope.nodes:
            value = walk.scope.add(output, "identity", value)
        made.append(value.name)
    channels = next((kind.shape[1] for kind in inputs.values() if len(kind.shape) > 1), 0)
    try:
        graph = walk.scope.build(
            tuple(made), read_preprocessing(model, channels), read_classes(model)
        )
        verify_graph(graph)
    except GraphError as error:
        msg = f"the model breaks a rule of the graph: {error}"
        raise ImportRefusedError(msg) from None
    return graph


def _refusal(name: str, problems: tuple[UnsupportedNode, ...]) -> str:
    """One message that lists every node, grouped by operator and hint."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in problems:
        groups.setdefault((item.op, item.hint), []).append(shown(item.node))
    parts = []
    for (op, hint), nodes in groups.items():
        more = f" and {len(nodes) - _LISTED} more" if len(nodes) > _LISTED else ""
        parts.append(f"{shown(op)} at {', '.join(nodes[:_LISTED])}{more}: {hint}")
    count = f"{len(problems)} node{'s' if len(problems) > 1 else ''}"
    return f"{shown(name)} cannot be compiled, {count} not supported; {'; '.join(parts)}"
