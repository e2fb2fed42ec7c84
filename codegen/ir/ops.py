"""Every operation of the IR: its attributes, weights, shape rule and MACs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from codegen.ir import algebra_shapes, movement_shapes, shapes, window_shapes
from codegen.ir.node import AttrValue
from codegen.ir.resampling import resize
from codegen.ir.tensor import TensorType

Attrs = Mapping[str, AttrValue]
WeightShapes = Mapping[str, tuple[int, ...]]
ShapeRule = Callable[[tuple[TensorType, ...], Attrs, WeightShapes], TensorType]

ACTIVATIONS = (
    "relu",
    "relu6",
    "leaky_relu",
    "sigmoid",
    "hard_sigmoid",
    "silu",
    "hard_swish",
    "tanh",
    "elu",
    "softplus",
    "mish",
    "gelu",
    "gelu_tanh",
)
"""Pointwise functions that are nodes of their own and can also be fused into conv and linear."""

FUNCTIONS = (
    "exp",
    "log",
    "erf",
    "abs",
    "neg",
    "sqrt",
    "reciprocal",
    "floor",
    "ceil",
    "round",
    "sign",
)
"""Pointwise functions that are always nodes of their own."""

BINARY = ("add", "sub", "mul", "div", "pow", "min", "max", "prelu")
"""Functions of two operands that broadcast; the right one of `prelu` is the slope."""

REDUCTIONS = ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min")

GATE: Mapping[str, AttrValue] = {"alpha": 0.16666667, "beta": 0.5}
"""Slope and offset of a hard sigmoid that can be fused: x / 6 + 1 / 2."""


@dataclass(frozen=True)
class Op:
    """One row of the table.

    Attributes:
        arity: least and most number of inputs (most None = any number).
        attrs: every attribute with its default; None marks a required one.
        roles: weights it may have; those in `optional_roles` may be missing.
        infer: output type from input types, attributes and weight shapes.
        macs: multiply-accumulates of one dense run at batch 1, from the output type, the shapes
            of weights and the attributes.
    """

    arity: tuple[int, int | None]
    infer: ShapeRule
    attrs: Mapping[str, AttrValue | None] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    optional_roles: frozenset[str] = frozenset()
    macs: Callable[[TensorType, WeightShapes, Attrs], int] = lambda *_: 0


_FUSED: dict[str, AttrValue] = {"activation": "none", "alpha": 0.0}
_WINDOW: dict[str, AttrValue | None] = {
    "kernel": None,
    "stride": (1, 1),
    "padding": (0, 0, 0, 0),
    "dilation": (1, 1),
    "ceil_mode": False,
}
_CONV: dict[str, AttrValue] = {
    "stride": (1, 1),
    "padding": (0, 0, 0, 0),
    "dilation": (1, 1),
    "groups": 1,
    **_FUSED,
}

OPS: dict[str, Op] = {
    # inputs: x, and after fusion the residual that is added before the activation
    "conv": Op(
        (1, 2),
        window_shapes.conv,
        _CONV,
        ("weight", "bias"),
        frozenset({"bias"}),
        window_shapes.conv_macs,
    ),
    "conv_transpose": Op(
        (1, 1),
        window_shapes.conv_transpose,
        {**_CONV, "output_padding": (0, 0)},
        ("weight", "bias"),
        frozenset({"bias"}),
        window_shapes.conv_transpose_macs,
    ),
    "linear": Op(
        (1, 1), shapes.linear, _FUSED, ("weight", "bias"), frozenset({"bias"}), shapes.linear_macs
    ),
    "batch_norm": Op(
        (1, 1), shapes.batch_norm, {"epsilon": 1e-5}, ("gamma", "beta", "mean", "variance")
    ),
    "add": Op((2, 2), shapes.broadcast, _FUSED),
    **{name: Op((2, 2), shapes.broadcast) for name in BINARY if name != "add"},
    "clip": Op((1, 1), shapes.same, {"low": None, "high": None}),
    "max_pool": Op((1, 1), window_shapes.window, _WINDOW),
    "average_pool": Op((1, 1), window_shapes.window, {**_WINDOW, "count_include_pad": False}),
    "lp_pool": Op((1, 1), window_shapes.window, {**_WINDOW, "order": 2}),
    "global_average_pool": Op((1, 1), window_shapes.global_pool),
    "concat": Op((1, None), movement_shapes.concat, {"axis": 1}),
    "flatten": Op((1, 1), movement_shapes.flatten),
    "reshape": Op((1, 1), movement_shapes.reshape, {"shape": None}),
    "transpose": Op((1, 1), movement_shapes.transpose, {"perm": None}),
    "slice": Op(
        (1, 1), movement_shapes.cut, {"axes": None, "starts": None, "sizes": None, "steps": None}
    ),
    "expand": Op((1, 1), movement_shapes.expand, {"shape": None}),
    "gather": Op((1, 1), movement_shapes.gather, {"axis": 0, "indices": None}),
    "pad": Op((1, 1), movement_shapes.pad, {"padding": None, "value": 0.0, "mode": "constant"}),
    "resize": Op(
        (1, 1),
        resize,
        {
            "shape": None,
            "scales": None,
            "mode": "nearest",
            "coordinates": "half_pixel",
            "rounding": "round_prefer_floor",
            "cubic": -0.75,
            "exclude_outside": False,
            "antialias": False,
            "fill": 0.0,
            "roi": (),
        },
    ),
    "softmax": Op((1, 1), shapes.same, {"axis": -1}),
    "log_softmax": Op((1, 1), shapes.same, {"axis": -1}),
    "matmul": Op((2, 2), algebra_shapes.matmul, {"depth": None}, macs=algebra_shapes.matmul_macs),
    **{
        name: Op((1, 1), algebra_shapes.reduce, {"axes": None, "keep": True}) for name in REDUCTIONS
    },
    # gamma and beta hold one number for each element from `axis` on, as one row
    "layer_norm": Op(
        (1, 1),
        algebra_shapes.layer_norm,
        {"axis": -1, "epsilon": 1e-5},
        ("gamma", "beta"),
        frozenset({"beta"}),
    ),
    "instance_norm": Op((1, 1), algebra_shapes.channels, {"epsilon": 1e-5}, ("gamma", "beta")),
    # x / (bias + alpha / size * sum of x^2 over `size` channels around it) ^ beta
    "local_response_norm": Op(
        (1, 1),
        algebra_shapes.channels,
        {"size": None, "alpha": 1e-4, "beta": 0.75, "bias": 1.0},
    ),
    "constant": Op((0, 0), shapes.constant, {}, ("value",)),
    "identity": Op((1, 1), shapes.same),
    "dropout": Op((1, 1), shapes.same, {"probability": 0.5}),
    **{name: Op((1, 1), shapes.same) for name in (*ACTIVATIONS, *FUNCTIONS)},
    "leaky_relu": Op((1, 1), shapes.same, {"alpha": 0.01}),
    "elu": Op((1, 1), shapes.same, {"alpha": 1.0}),
    "hard_sigmoid": Op((1, 1), shapes.same, GATE),
}
"""`stride`, `dilation` and `kernel` have one number a spatial axis: (y, x) for pictures. `padding`
holds all pixels before, then all behind: (top, left, bottom, right) for pictures."""
