"""What threads get: shares of even work, and scratch of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from codegen.ir import GraphBuilder
from codegen.lowering.lower import lower
from codegen.lowering.memory_plan import plan_memory
from codegen.lowering.program import Scratch
from codegen.lowering.thread_plan import plan_threads
from codegen.render.program_file import render_program
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import host_target, load_target
from tests.fixtures.compiled_graph import random_inputs, relative_error, run_compiled, run_torch


def test_scratch_of_a_step_lies_on_lines_of_each_thread_alone() -> None:
    builder = GraphBuilder("scratch")
    x = builder.input((1, 4, 8, 8))
    program = lower(builder.build(builder.add("relu", x, name="y")), load_target("x86_64-avx2"))
    step = next(s for s in program.steps if s.microkernel.family == "unary")
    arguments = dict(step.arguments) | {"input": Scratch(17), "output": Scratch(5)}
    held = replace(step, arguments=tuple(arguments.items()))
    program = replace(
        program, steps=tuple(held if s is step else replace(s) for s in program.steps)
    )
    program, plan = plan_memory(program, 8)
    assert held.scratch == 32 + 16
    assert plan.scratch % 32 == 0
    assert plan.scratch >= held.scratch + 16
    target = load_target("x86_64-avx2")
    threads = plan_threads(program, plan, target)
    text = render_program(program, plan, threads, target, version="", graph="", schedule="").text
    assert f"SCRATCH_FLOATS = {plan.scratch}" in text
    assert ".input = model->scratch + (ptrdiff_t)part * SCRATCH_FLOATS + 0," in text
    assert ".output = model->scratch + (ptrdiff_t)part * SCRATCH_FLOATS + 32," in text


def test_blocks_of_uneven_work_are_all_computed_once_by_any_number_of_threads(
    tmp_path: Path,
) -> None:
    builder = GraphBuilder("uneven", seed=2)
    x = builder.input((1, 300))
    random = np.random.default_rng(0)
    values = random.standard_normal((500, 300)).astype(np.float32)
    values[64:400, 5:] = 0
    values[400:440] = 0
    builder.add("linear", x, name="y", weights={"weight": builder.weight("w", values)})
    graph = builder.build("y")
    inputs = random_inputs(graph)
    wanted = run_torch(graph, inputs)[0]
    for threads in (1, 2, 5, 8):
        got = run_compiled(graph, host_target(), inputs, tmp_path, threads=threads)[0]
        assert relative_error(got, wanted) < 1e-5


def test_maps_of_one_vector_are_shared_by_groups_of_filters(tmp_path: Path) -> None:
    builder = GraphBuilder("small", seed=4)
    x = builder.input((1, 64, 3, 3))
    random = np.random.default_rng(1)
    values = random.standard_normal((300, 64, 3, 3)) * (random.random((300, 64, 3, 3)) < 0.3)
    keys = {"weight": builder.weight("w", values.astype(np.float32))}
    builder.add("conv", x, name="y", weights=keys, padding=(1, 1, 1, 1), activation="relu")
    graph = builder.build("y")
    schedules = {"y": Schedule("grouped", 4, 1)}
    program = lower(graph, host_target(), schedules)
    program, plan = plan_memory(program, host_target().vector_floats)
    shared = plan_threads(program, plan, host_target())
    assert any(item.is_cut and item.most > 1 for item in shared)
    inputs = random_inputs(graph)
    wanted = run_torch(graph, inputs)[0]
    for threads in (1, 2, 7):
        got = run_compiled(
            graph, host_target(), inputs, tmp_path, threads=threads, schedules=schedules
        )[0]
        assert relative_error(got, wanted) < 1e-5
