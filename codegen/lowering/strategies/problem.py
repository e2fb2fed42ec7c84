"""One convolution to be lowered: what every strategy is given to judge and to emit."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from codegen.ir.node import Node
from codegen.lowering.context import LoweringContext
from codegen.lowering.layout import Kind, Layout, Spacing, planar
from codegen.lowering.program import Storage
from codegen.lowering.taps import TapGeometry, conv_taps
from codegen.targets.target import Target

FloatArray = npt.NDArray[np.float32]


class ConvProblem:
    """Geometry and weights of a convolution; `reads` tells how its input is to lie.

    Reading a property never emits a step, so that a strategy can judge without leaving a trace;
    `source`, `residual` and `make_output` do, and are for emission alone.
    """

    def __init__(self, context: LoweringContext, node: Node, reads: Kind = "planar") -> None:
        self.context = context
        self.node = node
        self.reads = reads

    @property
    def target(self) -> Target:
        """What is compiled for."""
        return self.context.target

    @property
    def values(self) -> FloatArray:
        """Weights, (filters, channels of a group, kernel height, kernel width)."""
        return self.context.graph.weights[self.node.weights["weight"]].values

    @property
    def matrix(self) -> FloatArray:
        """Weights, (filters, channels of a group * taps)."""
        return self.values.reshape(len(self.values), -1)

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(1, channels, height, width) of the input."""
        return self.context.shape(self.node.inputs[0])

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return self.node.integer("groups")

    @property
    def is_depthwise(self) -> bool:
        """Whether every filter reads a channel of its own."""
        return self.groups == self.in_shape[1] == len(self.values) > 1

    @property
    def is_single_pixel(self) -> bool:
        """Whether one pixel goes to one pixel, in one group."""
        return self.in_shape[2:] == self.node.type.shape[2:] == (1, 1) and self.groups == 1

    @property
    def has_residual(self) -> bool:
        """Whether a value is added before the activation."""
        return len(self.node.inputs) == 2

    @cached_property
    def taps(self) -> TapGeometry:
        """The convolution as constant offsets over planes."""
        kernel = self.values.shape[2:]
        return conv_taps(self.node, self.in_shape, (kernel[0], kernel[1]))

    @property
    def spacing(self) -> Spacing:
        """How padded planes of the output lie."""
        return self.context.spacing[self.node.name]

    @cached_property
    def out_layout(self) -> Layout:
        """The output as padded planes."""
        _, filters, height, width = self.node.type.shape
        return planar(filters, height, width, self.spacing)

    @property
    def vectors(self) -> int:
        """Vectors of flat positions in one output plane."""
        return self.out_layout.vectors(self.context.lanes)

    def source(self) -> Storage:
        """Padded planes that tap offsets count from: the input itself, or its phases."""
        name, taps, context = self.node.inputs[0], self.taps, self.context
        if taps.stride == (1, 1):
            return context.planar(name, self.spacing)
        key = (name, "phases", taps.stride, taps.phases, self.spacing)
        known = context.remembered(key)
        if known is not None:
            return known
        held = context.value(name)
        channels = held.layout.channels
        layout = planar(channels * len(taps.phases), taps.height, taps.width, self.spacing)
        phases = context.buffer(layout)
        is_split = taps.stride[1] == 2 and held.layout.height * held.layout.width > 1
        if is_split and held.space != "arena":
            held = context.planar(name, context.spacing[name])
        for index, phase in enumerate(taps.phases):
            part = Storage("arena", phases.base, layout, index * channels * layout.plane)
            if is_split:
                context.split(held, part, phase, taps.stride)
            else:
                note = f"(phase {phase[0]}, {phase[1]})"
                context.copy(held, part, note, start=phase, stride=taps.stride)
        context.remembered(key, phases)
        return phases

    def residual(self) -> Storage | None:
        """The residual in padded planes, or None."""
        if not self.has_residual:
            return None
        return self.context.planar(self.node.inputs[1], self.spacing)

    def make_output(self) -> Storage:
        """Room for the output as padded planes."""
        return self.context.buffer(self.out_layout)
