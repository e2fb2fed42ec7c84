"""Adds steps to a program: room in the arena, arrays in the blob, copies between layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from codegen.errors import GraphError
from codegen.formats.blob import Blob
from codegen.ir.graph import Graph
from codegen.ir.macs import dense_macs, nonzero_macs
from codegen.ir.node import Node
from codegen.kernels.microkernel import Microkernel
from codegen.kernels.registry import FAMILIES
from codegen.lowering.layout import LINE_FLOATS, Kind, Layout, compact
from codegen.lowering.program import (
    Address,
    Argument,
    Layer,
    Packed,
    PackedType,
    Step,
    Storage,
)
from codegen.lowering.strided_copy import copy_axes, whole_rows
from codegen.lowering.view import View, common_shape, row_major
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

MOST_ELEMENTS = 2**31 - 1


class StepEmitter:
    """Collects buffers, packed arrays, steps and layers."""

    def __init__(self, graph: Graph, target: Target, blob: Blob | None = None) -> None:
        self.graph = graph
        self.target = target
        self._kinds: Mapping[str, Kind] = {}
        self._blob = blob or Blob()
        self._buffers: list[Layout] = []
        self._steps: list[Step] = []
        self._layers: list[Layer] = []
        self._node: Node | None = None
        self._open_layer: int | None = None
        self._layer_of: dict[str, int] = {}

    @property
    def lanes(self) -> int:
        """f32 lanes of the target's vectors."""
        return self.target.vector_floats

    def begin(self, node: Node) -> None:
        """Steps emitted from now on belong to this node."""
        self._node, self._open_layer = node, None

    def describe(
        self, format_name: str, schedule: Schedule | None = None, transformed_bytes: int = 0
    ) -> None:
        """Tell how the current node's weights are stored."""
        index = self._layer()
        self._layers[index] = replace(
            self._layers[index],
            format=format_name,
            schedule=schedule,
            transformed_bytes=transformed_bytes,
        )

    def add_macs(self, node: Node) -> None:
        """Count a node's work to the current layer, whose step does it too."""
        index = self._layer()
        layer = self._layers[index]
        self._layers[index] = replace(
            layer,
            macs=layer.macs + dense_macs(self.graph, node),
            nonzero_macs=layer.nonzero_macs + nonzero_macs(self.graph, node),
        )

    def follow(self, kinds: Mapping[str, Kind]) -> None:
        """Tell how the value of each node shall lie; those not named lie planar."""
        self._kinds = kinds

    def kind(self, node: Node) -> Kind:
        """How the node's value shall lie."""
        return self._kinds.get(node.name, "planar")

    def buffer(self, layout: Layout) -> Storage:
        """New room in the arena.

        Raises:
            GraphError: it holds more elements than the offsets of generated code can count.
        """
        if layout.size > MOST_ELEMENTS:
            layer = self._node.name if self._node else "the input"
            msg = (
                f"a value of layer {layer} takes {layout.size} elements, more than the "
                f"{MOST_ELEMENTS} that can be compiled: use smaller pictures or fewer channels"
            )
            raise GraphError(msg)
        self._buffers.append(layout)
        return Storage("arena", len(self._buffers) - 1, layout)

    def pack(self, array: npt.NDArray[np.generic], kind: PackedType) -> Packed:
        """An array in the weights blob."""
        types = {
            "float": np.float32,
            "int32_t": np.int32,
            "uint16_t": np.uint16,
            "uint8_t": np.uint8,
        }
        return Packed(self._blob.add(array.astype(types[kind], copy=False)), kind)

    def constant(self, array: npt.NDArray[np.float32], layout: Layout) -> Storage:
        """A constant value in the weights blob."""
        return Storage("weights", self._blob.add(array) // 4, layout)

    def _convert(self, source: Storage, target: Storage) -> None:
        """Copy between padded planes of single channels and of blocks of channels."""
        to_blocks = target.layout.is_blocked
        single, several = (source, target) if to_blocks else (target, source)
        channels, height, width = single.layout.channels, single.layout.height, single.layout.width
        self.emit(
            "interleave",
            {
                "input": address(source),
                "output": address(target),
                "plane": single.layout.plane,
                "row": single.layout.row,
                "block_plane": several.layout.plane,
                "block_row": several.layout.row,
                "channels": channels,
                "first_row": 0,
                "height": height,
                "width": width,
            },
            extent=several.layout.planes,
            reads=(source,),
            writes=target,
            note=f"{channels} planes of {height} x {width} {'to' if to_blocks else 'from'} blocks",
            variant=() if to_blocks else ("back",),
        )

    def move(self, source: View, target: View, note: str) -> None:
        """Copy one view to another of as many elements, in their order."""
        shape = common_shape(source.sizes, target.sizes)
        if shape is None:
            dense = self.buffer(compact(source.elements, 1, 1))
            flat = View("arena", dense.base, 0, source.sizes, row_major(source.sizes), dense.layout)
            self.move(source, flat, note)
            source = replace(flat, sizes=target.sizes, steps=row_major(target.sizes))
            shape = target.sizes
        one, other = source.reshaped(shape), target.reshaped(shape)
        assert one is not None and other is not None, (source, target)
        one, other = whole_rows(one, other)
        axes = copy_axes(one, other)
        table = np.array([[axis.size, axis.input_step, axis.output_step] for axis in axes])
        self.emit(
            "strided_copy",
            {
                "input": source.address,
                "output": target.address,
                "axes": self.pack(table, "int32_t"),
                "count": len(axes),
            },
            extent=one.elements // axes[-1].size,
            reads=(Storage(source.space, source.base, source.layout),),
            writes=Storage(target.space, target.base, target.layout),
            note=f"copy {note}",
        )

    def copy(
        self,
        source: Storage,
        target: Storage,
        note: str,
        *,
        start: tuple[int, int] = (0, 0),
        stride: tuple[int, int] = (1, 1),
        fill: float = 0.0,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Copy planes: target (y, x) = source (y * stride + start), or `fill` outside the source.

        `size` bounds what is written; by default the target's height and width.
        """
        source_layout, layout = source.layout, target.layout
        is_plain = start == (0, 0) and stride == (1, 1) and size is None
        if is_plain and not source_layout.is_planar and not layout.is_planar:
            source_layout, layout = _joined(source_layout, layout)
        height, width = size or (layout.height, layout.width)
        ys = _valid(height, stride[0], start[0], source_layout.height)
        xs = _valid(width, stride[1], start[1], source_layout.width)
        self.emit(
            "repack",
            {
                "input": address(source),
                "output": address(target),
                "start": start[0] * source_layout.row + start[1],
                "input_plane": source_layout.plane,
                "input_row": source_layout.row * stride[0],
                "input_step": stride[1],
                "output_plane": layout.plane,
                "output_row": layout.row,
                "height": height,
                "width": width,
                "y_begin": ys[0],
                "y_end": ys[1],
                "x_begin": xs[0],
                "x_end": xs[1],
                "fill": fill,
            },
            extent=source_layout.channels,
            reads=(source,),
            writes=target,
            note=f"copy {source_layout.channels} planes of {height} x {width} {note}",
        )

    def split(
        self, source: Storage, target: Storage, phase: tuple[int, int], stride: tuple[int, int]
    ) -> None:
        """Copy one phase of stride 2 along rows: target (y, x) = source (y, x) * stride + phase.

        The source lies in the arena, where whole vectors may be read behind its end.
        """
        held, layout = source.layout, target.layout
        rows = -(-(held.height - phase[0]) // stride[0])
        columns = -(-(held.width - phase[1]) // stride[1])
        start = address(source)
        self.emit(
            "split",
            {
                "input": Address(
                    start.space, start.base, start.elements + phase[0] * held.row + phase[1]
                ),
                "output": address(target),
                "input_plane": held.plane,
                "input_row": held.row * stride[0],
                "output_plane": layout.plane,
                "output_row": layout.row,
                "first_row": 0,
                "rows": layout.height,
                "height": rows,
                "taken": columns,
                "width": layout.width,
            },
            extent=held.channels,
            reads=(source,),
            writes=target,
            note=f"phase {phase} of {held.channels} planes of {held.height} x {held.width}",
        )

    def emit(
        self,
        family: str,
        arguments: dict[str, Argument],
        *,
        extent: int,
        reads: tuple[Storage, ...],
        writes: Storage,
        note: str,
        activation: str = "none",
        tile: tuple[int, int] = (1, 1),
        variant: tuple[str, ...] = (),
        in_place: bool = False,
        lanes: int = 0,
    ) -> None:
        """Add a step; the arguments are put in the order of the family's struct."""
        lanes = lanes or self.lanes
        microkernel = Microkernel(family, self.target.isa, lanes, activation, tile, variant)
        fields = FAMILIES[family].fields
        self._steps.append(
            Step(
                layer=self._layer(),
                microkernel=microkernel,
                arguments=tuple((field.name, arguments.get(field.name)) for field in fields),
                extent=extent,
                reads=tuple(item.base for item in reads if item.space == "arena"),
                writes=writes.base if writes.space == "arena" else None,
                note=note,
                # A part of a value does not lie where the output would.
                in_place=in_place and not any(item.first for item in reads),
                reads_padding=self._reads_padding(family),
            )
        )

    def _reads_padding(self, family: str) -> bool:
        kind = FAMILIES[family].padding
        if kind != "by taps" or self._node is None or self._node.op != "conv":
            return kind != "unused"
        kernel = self.graph.weights[self._node.weights["weight"]].values.shape[2:]
        return kernel != (1, 1) or any(self._node.integers("padding"))

    def _layer(self) -> int:
        if self._open_layer is None:
            node = self._node
            if node is None:
                layer = Layer("output", "output", "none", 0, 0)
            else:
                macs = dense_macs(self.graph, node)
                nonzero = nonzero_macs(self.graph, node)
                layer = Layer(node.name, node.op, "none", macs, nonzero, layout=self.kind(node))
                self._layer_of[node.name] = len(self._layers)
            self._layers.append(layer)
            self._open_layer = len(self._layers) - 1
        return self._open_layer


def address(storage: Storage) -> Address:
    """Pointer to element (0, 0, 0)."""
    return Address(storage.space, storage.base, storage.layout.origin + storage.first)


def _joined(source: Layout, target: Layout) -> tuple[Layout, Layout]:
    """Layouts without gaps whose short planes are a few long rows, shared by threads."""
    same = (source.channels, source.height, source.width) == (
        target.channels,
        target.height,
        target.width,
    )
    dense = source.plane == target.plane == source.height * source.width
    if not (same and dense and source.plane < LINE_FLOATS):
        return source, target
    elements = source.channels * source.plane
    rows = next(n for n in (8, 4, 2, 1) if elements % n == 0 and (n == 1 or elements >= n * 1024))
    even = compact(rows, 1, elements // rows)
    return even, even


def _valid(count: int, stride: int, start: int, size: int) -> tuple[int, int]:
    """Range of positions p below `count` with 0 <= p * stride + start < size."""
    begin = min(max(0, -(start // stride)), count)
    end = min(max(begin, (size - 1 - start) // stride + 1), count)
    return begin, end
