"""Which buffers take turns in one slot: those of one geometry, and results put over an operand."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lowering.layout import Layout
from codegen.lowering.program import Program, Step

# A slot that stays empty for longer gives its room to others in between.
_LONGEST_GAP = 12
# A buffer that would leave more of a slot empty, or does not fit, opens another.
_LEAST_FILLED = 0.5


@dataclass
class Slot:
    """Room that buffers take in turns.

    Attributes:
        layout: of the first buffer, which all others are a part of.
        buffers: who takes turns.
        start: step that writes it first.
        end: last step that touches it.
    """

    layout: Layout
    buffers: list[int]
    start: int
    end: int

    @property
    def is_padded(self) -> bool:
        """Whether its padding must be zero."""
        return _key(self.layout) != ()

    def meets(self, other: Slot) -> bool:
        """Whether both are needed at one time."""
        return self.start <= other.end and other.start <= self.end


def assign_slots(program: Program) -> list[Slot]:
    """Slots of all buffers that a step writes, by their first step.

    Every step leaves zero what is zero in its layout. So planar buffers take turns with planes of
    the same geometry, whose padding falls on the same elements; others only where a step may put
    its result over an operand that ends there.
    """
    last = {buffer: index for index, step in enumerate(program.steps) for buffer in step.reads}
    slots: list[Slot] = []
    slot_of: dict[int, Slot] = {}
    for index, step in enumerate(program.steps):
        buffer = step.writes
        if buffer is None:
            continue
        end = max(last.get(buffer, index), index)
        if buffer in slot_of:
            slot_of[buffer].end = max(slot_of[buffer].end, end)
            continue
        layout = program.buffers[buffer]
        chosen = _choose(slots, layout, step, index)
        if chosen is None:
            chosen = Slot(layout, [], index, end)
            slots.append(chosen)
        chosen.buffers.append(buffer)
        chosen.end = end
        slot_of[buffer] = chosen
    return slots


def _choose(slots: list[Slot], layout: Layout, step: Step, index: int) -> Slot | None:
    """The free slot of the geometry whose size fits best."""
    free = [
        slot
        for slot in slots
        if _key(slot.layout) == _key(layout)
        and index - slot.end <= _LONGEST_GAP
        and _LEAST_FILLED * slot.layout.size <= layout.size <= slot.layout.size
        and (
            (slot.end < index and slot.is_padded)
            or (slot.end == index and step.in_place and slot.buffers[-1] in step.reads)
        )
    ]
    if not free:
        return None

    return min(free, key=lambda slot: (slot.layout.size, slots.index(slot)))


def _key(layout: Layout) -> tuple[int, ...]:
    """What must be equal for two buffers to have their padding at the same places."""
    if not layout.is_padded:
        return ()
    return (layout.height, layout.width, layout.plane, layout.row, layout.origin, layout.block)
