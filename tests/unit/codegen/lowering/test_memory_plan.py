"""The arena: no two living buffers overlap, padding is zero where it is read, memory is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.models.zoo import build_model
from codegen.ir import Graph, GraphBuilder
from codegen.ir.live_set import largest_live_set
from codegen.ir.passes import optimize
from codegen.lowering.lower import lower
from codegen.lowering.memory_plan import MemoryPlan, plan_memory
from codegen.lowering.program import Program
from codegen.targets.registry import load_target


def _planned(graph: Graph) -> tuple[Program, MemoryPlan]:
    target = load_target("x86_64-avx512")
    live = largest_live_set(optimize(graph))
    return plan_memory(lower(optimize(graph), target), target.vector_floats, live)


def _check_no_overlap(program: Program, plan: MemoryPlan) -> None:
    """Play the steps: whatever is read was not written over since it was written."""
    owner = np.full(plan.size, -1, dtype=np.int64)
    for step in program.steps:
        for buffer in step.reads:
            start = plan.offsets[buffer]
            size = program.buffers[buffer].size
            assert (owner[start : start + size] == buffer).all(), step.note
        if step.writes is not None and step.microkernel.family != "clear":
            start = plan.offsets[step.writes]
            owner[start : start + program.buffers[step.writes].size] = step.writes


def _check_padding(program: Program, plan: MemoryPlan) -> None:
    """Play two runs: a step writes into rows, and into padding only zeros where it fills rows."""
    from codegen.kernels.registry import FAMILIES

    is_zero = np.ones(plan.size, dtype=np.bool_)
    for _ in range(2):
        for step in program.steps:
            for buffer in step.reads if step.reads_padding else ():
                layout = program.buffers[buffer]
                if layout.is_padded:
                    start = plan.offsets[buffer]
                    held = is_zero[start : start + layout.size]
                    assert held[~_inside(program, buffer)].all(), step.note
            if step.writes is None:
                continue
            layout = program.buffers[step.writes]
            start = plan.offsets[step.writes]
            part = is_zero[start : start + layout.size]
            if step.microkernel.family == "clear":
                values = dict(step.arguments)
                planes = np.arange(step.extent)[:, None, None]
                rows = np.arange(layout.height)[:, None]
                beside = np.arange(layout.width * layout.block, layout.row)
                at = layout.origin + planes * layout.plane + rows * layout.row + beside
                open_planes = values["open_planes"]
                assert isinstance(open_planes, int)
                part[at[:open_planes].reshape(-1)] = True
                part[: layout.origin] = True
                behind = np.arange(layout.height * layout.row, layout.plane)
                part[(layout.origin + planes[:, 0] * layout.plane + behind).reshape(-1)] = True
                continue
            inside = _inside(program, step.writes)
            part[inside] = False
            if layout.is_padded and FAMILIES[step.microkernel.family].fills(
                step.microkernel.variant
            ):
                planes = np.arange(layout.planes)[:, None]
                flat = layout.origin + planes * layout.plane + np.arange(layout.positions)
                filled = np.zeros(layout.size, dtype=np.bool_)
                filled[flat.reshape(-1)] = True
                part[filled & ~inside] = True


def _inside(program: Program, buffer: int) -> np.ndarray:
    layout = program.buffers[buffer]
    found = np.zeros(layout.size, dtype=np.bool_)
    if not layout.is_padded:
        found[:] = True
        return found
    c, y, x = np.ogrid[: layout.planes, : layout.height, : layout.width * layout.block]
    at = layout.origin + c * layout.plane + y * layout.row + x
    found[at.reshape(-1)] = True
    return found


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "efficientnet_b0", "vgg16_cifar"])
def test_living_buffers_never_overlap_and_padding_is_zero_where_it_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codegen.lowering.memory_plan._OWN_ROOM", (0,))
    program, plan = _planned(build_model(name, input_shape=(3, 48, 48), classes=10))
    assert any(step.microkernel.family == "clear" for step in program.steps)
    _check_no_overlap(program, plan)
    _check_padding(program, plan)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_random_graphs_of_branches_never_overlap(data: st.DataObject) -> None:
    builder = GraphBuilder("random", seed=1)
    values = [builder.input((1, 3, 24, 24))]
    shapes = {values[0]: (3, 24)}
    for index in range(data.draw(st.integers(3, 14))):
        source = data.draw(st.sampled_from(values))
        channels, size = shapes[source]
        same = [v for v in values if shapes[v] == shapes[source]]
        kind = data.draw(st.sampled_from(["conv", "wide", "strided", "relu", "add", "pool"]))
        name = f"n{index}"
        if kind == "add":
            value = builder.add("add", source, data.draw(st.sampled_from(same)), name=name)
        elif kind == "relu":
            value = builder.add("relu", source, name=name)
        elif kind == "pool" and size > 3:
            value = builder.add("max_pool", source, name=name, kernel=(2, 2), stride=(2, 2))
            size //= 2
        else:
            stride = 2 if kind == "strided" and size > 3 else 1
            channels = 40 if kind == "wide" else 7
            kernel = 1 if kind == "wide" else 3
            value = builder.conv(source, channels, kernel, name=name, stride=stride)
            size = -(-size // stride)
        values.append(value)
        shapes[value] = (channels, size)
    outputs = data.draw(st.lists(st.sampled_from(values[1:]), min_size=1, unique=True))
    program, plan = _planned(builder.build(*outputs))
    _check_no_overlap(program, plan)
    _check_padding(program, plan)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "resnet50", "efficientnet_b0"])
def test_the_arena_is_bounded_by_the_largest_live_set(name: str) -> None:
    """The bound for the whole process adds 5 MB; the program itself takes half of them."""
    graph = optimize(build_model(name, input_shape=(3, 224, 224), classes=1000))
    program, plan = _planned(graph)
    assert 4 * plan.size <= 1.1 * largest_live_set(graph) + 2.4e6


def test_everything_lies_on_cache_lines_inside_the_arena() -> None:
    program, plan = _planned(build_model("vgg_small", input_shape=(1, 28, 28), classes=10))
    assert all(offset % 16 == 0 for offset in plan.offsets)
    assert all(offset % 16 == 0 for _, offset, _ in plan.masks)
    assert all(offset + length <= plan.size for _, offset, length in plan.masks)
    ends = [plan.offsets[i] + layout.size for i, layout in enumerate(program.buffers)]
    assert max(ends) <= plan.size


def test_an_elementwise_step_takes_the_place_of_its_input() -> None:
    builder = GraphBuilder("chain")
    x = builder.input((1, 4, 8, 8))
    y = builder.add("max_pool", x, name="pooled", kernel=(2, 2), stride=(2, 2))
    y = builder.add("relu", y, name="active")
    program, plan = _planned(builder.build(builder.add("tanh", y, name="end")))
    assert (
        len({plan.offsets[step.writes] for step in program.steps if step.writes is not None}) == 1
    )
