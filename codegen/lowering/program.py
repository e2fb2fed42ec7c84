"""A lowered graph: buffers, and one step after another that calls a microkernel on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from codegen.kernels.microkernel import Microkernel
from codegen.lowering.layout import LINE_FLOATS, Kind, Layout, round_up
from codegen.schedules.schedule import Schedule

Space: TypeAlias = Literal["arena", "weights", "input", "output"]


@dataclass(frozen=True)
class Storage:
    """Where a value lies.

    Attributes:
        space: the arena, the weights blob, or the caller's input or output.
        base: index of the buffer in the arena; elsewhere the first element.
        layout: strides from there.
        first: element of the layout where this value starts (a part of a joined value).
    """

    space: Space
    base: int
    layout: Layout
    first: int = 0

    @property
    def is_flat(self) -> bool:
        """Whether it has no gaps and whole vectors may be read from its start."""
        is_ours = self.space in ("arena", "weights")
        return is_ours and not self.layout.is_planar and not self.first


@dataclass(frozen=True)
class Address:
    """A pointer in a step's parameters: `elements` floats behind the start of a storage."""

    space: Space
    base: int
    elements: int = 0


PackedType: TypeAlias = Literal["float", "int32_t", "uint16_t", "uint8_t"]


@dataclass(frozen=True)
class Packed:
    """An array in the weights blob."""

    byte: int
    type: PackedType


@dataclass(frozen=True)
class Mask:
    """An array of one lane a flat position, made once: all ones where it is inside the picture."""

    height: int
    width: int
    row: int


@dataclass(frozen=True)
class Scratch:
    """Room of the calling thread alone, on a cache line; it holds what earlier steps left there.

    Several of one step lie one behind the other.
    """

    elements: int


Argument: TypeAlias = Address | Packed | Mask | Scratch | int | float | None


@dataclass(frozen=True)
class Step:
    """One call of a microkernel.

    Attributes:
        layer: index of the layer it belongs to.
        microkernel: what is called.
        arguments: value of every member of the family's parameter struct, in its order.
        extent: units of work; threads take shares of it.
        reads: arena buffers it reads.
        writes: the arena buffer it writes, or None.
        note: words for the reader of the generated C.
        in_place: whether its output may take the place of an input that ends here.
        reads_padding: whether it needs zeros around what it reads.
    """

    layer: int
    microkernel: Microkernel
    arguments: tuple[tuple[str, Argument], ...]
    extent: int
    reads: tuple[int, ...]
    writes: int | None
    note: str
    in_place: bool = False
    reads_padding: bool = True

    def scratch_offsets(self) -> dict[str, int]:
        """First element of each scratch argument behind the start of the thread's room."""
        offsets, position = {}, 0
        for name, value in self.arguments:
            if isinstance(value, Scratch):
                offsets[name] = position
                position += round_up(value.elements, LINE_FLOATS)
        return offsets

    @property
    def scratch(self) -> int:
        """Elements of scratch that one thread needs, in whole cache lines."""
        sizes = [value.elements for _, value in self.arguments if isinstance(value, Scratch)]
        return sum(round_up(size, LINE_FLOATS) for size in sizes)


@dataclass(frozen=True)
class Layer:
    """A node that takes time: what the profile and the manifest tell of.

    `transformed_bytes` are those of weights that take more room than as the model holds them.
    """

    name: str
    op: str
    format: str
    macs: int
    nonzero_macs: int
    schedule: Schedule | None = None
    transformed_bytes: int = 0
    layout: Kind = "planar"


@dataclass(frozen=True)
class Program:
    """Everything the renderer needs besides the memory plan."""

    buffers: tuple[Layout, ...]
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    blob: bytes
    input_elements: int
    output_elements: int

    @property
    def masks(self) -> tuple[Mask, ...]:
        """Every mask that a step uses, once."""
        found: dict[Mask, None] = {}
        for step in self.steps:
            found.update({value: None for _, value in step.arguments if isinstance(value, Mask)})
        return tuple(found)
