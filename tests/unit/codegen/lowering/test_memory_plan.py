"""The arena: no two living buffers overlap, and padding stays zero by geometry."""

from __future__ import annotations

import pytest

from backend.models.zoo import build_model
from codegen.ir import Graph, GraphBuilder
from codegen.ir.passes import optimize
from codegen.lowering.lower import lower
from codegen.lowering.memory_plan import MemoryPlan, plan_memory
from codegen.lowering.program import Program
from codegen.targets.registry import load_target


def _planned(graph: Graph) -> tuple[Program, MemoryPlan]:
    target = load_target("x86_64-avx512")
    program = lower(optimize(graph), target)
    return program, plan_memory(program, target.vector_floats)


def _lifetimes(program: Program) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for index, step in enumerate(program.steps):
        for buffer in (*step.reads, *([] if step.writes is None else [step.writes])):
            first, _ = found.get(buffer, (index, index))
            found[buffer] = (first, index)
    return found


@pytest.mark.parametrize("name", ["resnet8", "mobilenet_v2", "efficientnet_b0"])
def test_living_buffers_never_overlap(name: str) -> None:
    program, plan = _planned(build_model(name, input_shape=(3, 32, 32), classes=10))
    lives = _lifetimes(program)
    in_place = {step.writes: set(step.reads) for step in program.steps if step.in_place}
    for one, (start, end) in lives.items():
        for other, (begin, last) in lives.items():
            if one >= other or last < start or end < begin:
                continue
            if one in in_place.get(other, ()) or other in in_place.get(one, ()):
                continue
            low, high = plan.offsets[one], plan.offsets[one] + program.buffers[one].size
            down, up = plan.offsets[other], plan.offsets[other] + program.buffers[other].size
            assert high <= down or up <= low, (one, other)


def test_room_is_shared_only_between_planes_of_one_geometry() -> None:
    program, plan = _planned(build_model("resnet20", input_shape=(1, 28, 28), classes=10))
    by_offset: dict[int, set[tuple[int, ...]]] = {}
    for buffer, layout in enumerate(program.buffers):
        geometry = (layout.height, layout.width, layout.plane, layout.row, layout.origin)
        key = geometry if layout.is_planar else ()
        by_offset.setdefault(plan.offsets[buffer], set()).add(key)
    assert all(len(keys) == 1 for keys in by_offset.values())
    assert len(by_offset) < len(program.buffers) / 2


def test_everything_lies_on_cache_lines_inside_the_arena() -> None:
    program, plan = _planned(build_model("vgg_small", input_shape=(1, 28, 28), classes=10))
    assert all(offset % 16 == 0 for offset in plan.offsets)
    assert all(offset % 16 == 0 for _, offset, _ in plan.masks)
    assert all(offset + length <= plan.size for _, offset, length in plan.masks)


def test_an_elementwise_step_takes_the_place_of_its_input() -> None:
    builder = GraphBuilder("chain")
    x = builder.input((1, 4, 8, 8))
    y = builder.add("max_pool", x, name="pooled", kernel=(2, 2), stride=(2, 2))
    y = builder.add("relu", y, name="active")
    program, plan = _planned(builder.build(builder.add("tanh", y, name="end")))
    assert (
        len({plan.offsets[step.writes] for step in program.steps if step.writes is not None}) == 1
    )
