"""What lowering a graph keeps in hand: its values, and in which layouts each lies."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.formats.blob import Blob
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.lowering.layout import Layout, Spacing, blocked, compact, planar
from codegen.lowering.program import (
    Program,
    Storage,
)
from codegen.lowering.sections import plan_pixel_spacing, plan_spacing
from codegen.lowering.step_emitter import StepEmitter
from codegen.lowering.view import View, planes_of, storage_of, view_of
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target


class LoweringContext(StepEmitter):
    """Lowering functions ask it for values in the layout they need, and emit steps."""

    def __init__(
        self,
        graph: Graph,
        target: Target,
        schedules: Mapping[str, Schedule] | None = None,
        blob: Blob | None = None,
        *,
        is_exact: bool = False,
    ) -> None:
        super().__init__(graph, target, blob)
        self.is_exact = is_exact
        self._wanted = dict(schedules or {})
        self.spacing: Mapping[str, Spacing] = plan_spacing(graph)
        self._pixel_spacing = plan_pixel_spacing(graph)
        self._blocked: dict[str, Storage] = {}
        self._values: dict[str, Storage] = {}
        self._views: dict[str, View] = {}
        self._copies: dict[tuple[object, ...], Storage] = {}
        self._input_elements = 0
        for name, tensor_type in graph.inputs:
            layout = natural_layout(tensor_type.shape)
            self._values[name] = Storage("input", self._input_elements, layout)
            self._input_elements += tensor_type.elements

    def wanted(self, node: Node) -> Schedule | None:
        """The schedule that the caller fixed for a node."""
        return self._wanted.get(node.name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a value."""
        return self.graph.type_of(name).shape

    def is_blocked(self, name: str) -> bool:
        """Whether a value lies in blocks of channels, there alone or there too."""
        return name in self._blocked

    def blocked(self, name: str) -> Storage:
        """A picture in blocks of channels."""
        if name not in self._blocked:
            source = self.planar(name, self.spacing[name])
            self._blocked[name] = self.buffer(self.blocked_layout(name))
            self._convert(source, self._blocked[name])
        return self._blocked[name]

    def blocked_layout(self, name: str) -> Layout:
        """How a picture lies in blocks of channels."""
        _, channels, height, width = self.shape(name)
        return blocked(channels, height, width, self._pixel_spacing[name], self.lanes)

    def _unblock(self, name: str) -> None:
        """Copy a value that lies in blocks alone to padded planes."""
        if name in self._blocked and name not in self._values:
            layout = planar(*planes_of(self.shape(name)), self.spacing[name])
            self._values[name] = self.buffer(layout)
            self._convert(self._blocked[name], self._values[name])

    def value(self, name: str) -> Storage:
        """Where a value lies in planes or without gaps; a view is copied to a place of its own."""
        self._unblock(name)
        if name not in self._values:
            shape = self.shape(name)
            if name in self.spacing and shape[2] * shape[3] > 1:
                self._values[name] = self.planar(name, self.spacing[name])
            else:
                self._values[name] = self.flat(name)
        return self._values[name]

    def view(self, name: str) -> View:
        """A value by its own axes, copied only where no view can have these axes."""
        shape = self.shape(name)
        self._unblock(name)
        if name in self._values:
            return view_of(self._values[name], shape)
        return self._views[name].reshaped(shape) or view_of(self.flat(name), shape)

    def raw_view(self, name: str) -> View:
        """A value in the order of its elements; a view may still have other axes."""
        self._unblock(name)
        if name in self._values:
            return view_of(self._values[name], self.shape(name))
        return self._views[name]

    def define_view(self, name: str, view: View) -> None:
        """Tell that the value of the current node is a view, in the order of its elements."""
        stored = storage_of(view, self.shape(name))
        if stored is None:
            self._views[name] = view
        else:
            self.define(name, stored)

    def define(self, name: str, storage: Storage) -> None:
        """Tell where the value of the current node lies."""
        (self._blocked if storage.layout.is_blocked else self._values)[name] = storage
        if self._open_layer is not None:
            self._layer_of[name] = self._open_layer

    def planar(self, name: str, spacing: Spacing) -> Storage:
        """A value of four axes as padded planes of that spacing."""
        self._unblock(name)
        layout = planar(*planes_of(self.shape(name)), spacing)
        held = self._values.get(name)
        if held is not None and held.layout == layout:
            return held
        key = (name, spacing)
        if key not in self._copies:
            self._copies[key] = self.buffer(layout)
            if held is None:
                self._settle(name, self._copies[key])
            else:
                self.copy(held, self._copies[key], "to padded planes")
        return self._copies[key]

    def flat(self, name: str) -> Storage:
        """A value without gaps, in the arena or the blob, where whole vectors may be read."""
        self._unblock(name)
        held = self._values.get(name)
        if held is not None and held.is_flat:
            return held
        key = (name, "flat")
        if key not in self._copies:
            self._copies[key] = self.buffer(compact(*planes_of(self.shape(name))))
            if held is None:
                self._settle(name, self._copies[key])
            else:
                self.copy(held, self._copies[key], "without gaps")
        return self._copies[key]

    def _settle(self, name: str, target: Storage) -> None:
        """Copy a view to a place of its own."""
        note = f"{' x '.join(map(str, self.shape(name)))} to their places"
        self.move(self._views[name], view_of(target, self.shape(name)), note)

    def remembered(self, key: tuple[object, ...], storage: Storage | None = None) -> Storage | None:
        """A copy made earlier under a key; with a storage, remembers it."""
        if storage is not None:
            self._copies[key] = storage
        return self._copies.get(key)

    def finish(self) -> Program:
        """Copy the outputs, one behind the other, and close the program."""
        offset = 0
        for name in self.graph.outputs:
            self._node, self._open_layer = None, self._layer_of.get(name)
            shape = self.shape(name)
            target = Storage("output", offset, compact(*planes_of(shape)))
            self._unblock(name)
            if name in self._values:
                self.copy(self._values[name], target, "to the output")
            else:
                self.move(self._views[name], view_of(target, shape), "to the output")
            offset += self.graph.type_of(name).elements
        return Program(
            buffers=tuple(self._buffers),
            steps=tuple(self._steps),
            layers=tuple(self._layers),
            blob=self._blob.to_bytes(),
            input_elements=self._input_elements,
            output_elements=offset,
        )


def natural_layout(shape: tuple[int, ...]) -> Layout:
    """How a value lies without gaps: planes where it has four axes, else one row."""
    return compact(*planes_of(shape))
