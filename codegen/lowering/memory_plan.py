"""Places buffers and masks in one arena; buffers whose lifetimes do not meet share room."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lowering.layout import LINE_FLOATS, Layout, round_up
from codegen.lowering.program import Mask, Program


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in floats from the arena's start, each a whole number of cache lines.

    Attributes:
        offsets: of every buffer.
        masks: of every mask, with its length.
        size: floats of the whole arena.
        scratch: floats of each thread's own room, behind the arena.
    """

    offsets: tuple[int, ...]
    masks: tuple[tuple[Mask, int, int], ...]
    size: int
    scratch: int = 0


@dataclass
class _Slot:
    key: tuple[int, ...]
    size: int
    free_from: int


def plan_memory(program: Program, lanes: int) -> MemoryPlan:
    """Give buffers to slots, first made first placed.

    Padding is zeroed once, when a model is created, and every step leaves zero what is zero in its
    layout. So planar buffers share a slot only with planes of the same geometry, whose padding
    falls on the same elements; compact ones share with each other.
    """
    last = {buffer: index for index, step in enumerate(program.steps) for buffer in step.reads}
    slots: list[_Slot] = []
    slot_of: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        buffer = step.writes
        if buffer is None:
            continue
        end = max(last.get(buffer, index), index)
        if buffer in slot_of:
            slots[slot_of[buffer]].free_from = max(slots[slot_of[buffer]].free_from, end)
            continue
        layout = program.buffers[buffer]
        # An in-place step may take the slot of an operand that ends with it.
        free_at = index + 1 if step.in_place else index
        chosen = _choose(slots, _key(layout), layout.size, free_at)
        slot_of[buffer] = chosen
        slots[chosen].size = max(slots[chosen].size, layout.size)
        slots[chosen].free_from = end
    starts, position = [], 0
    for slot in slots:
        starts.append(position)
        position += round_up(slot.size, LINE_FLOATS)
    masks = []
    for mask in program.masks:
        length = round_up(mask.height * mask.row, lanes)
        masks.append((mask, position, length))
        position += round_up(length, LINE_FLOATS)
    offsets = tuple(starts[slot_of[i]] if i in slot_of else 0 for i in range(len(program.buffers)))
    # Vectors may be read, never written, behind the last buffer.
    scratch = max((step.scratch for step in program.steps), default=0)
    return MemoryPlan(offsets, tuple(masks), position + 4 * LINE_FLOATS, _spaced(scratch))


def _choose(slots: list[_Slot], key: tuple[int, ...], size: int, free_at: int) -> int:
    """The free slot of the geometry whose size fits best, or a new one."""
    free = [i for i, slot in enumerate(slots) if slot.key == key and slot.free_from < free_at]
    if not free:
        slots.append(_Slot(key, size, -1))
        return len(slots) - 1
    return min(free, key=lambda i: (max(0, size - slots[i].size), slots[i].size, i))


def _spaced(scratch: int) -> int:
    """Scratch of one thread with a gap behind it, so that threads share no line nor a pair."""
    return round_up(scratch, 2 * LINE_FLOATS) + 2 * LINE_FLOATS if scratch else 0


def _key(layout: Layout) -> tuple[int, ...]:
    """What must be equal for two buffers to have their padding at the same places."""
    if not layout.is_planar:
        return ()
    return (layout.height, layout.width, layout.plane, layout.row, layout.origin)
