"""The compiler's front door: a graph and a target in, C sources and a weights blob out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from codegen.bundle import SourceBundle
from codegen.ir.graph import Graph
from codegen.ir.passes import optimize
from codegen.lowering.lower import lower
from codegen.lowering.memory_plan import MemoryPlan, plan_memory
from codegen.lowering.program import Program
from codegen.render.microkernel_file import render_microkernel
from codegen.render.model_file import render_header, render_model
from codegen.schedules.schedule import Schedule
from codegen.targets.target import Target

VERSION = "0.1"


def generate(
    graph: Graph,
    target: Target,
    *,
    threads: int = 1,
    schedules: Mapping[str, Schedule] | None = None,
) -> SourceBundle:
    """Compile a graph; the same arguments give the same bytes.

    Args:
        graph: the network as trained or imported; it is optimised here.
        target: what to generate for.
        threads: how many threads a run of it should use by default.
        schedules: fixes the schedules of some layers (a tuner's choice); by default all are
            chosen by the cost model from the zeros found in the weights.

    Raises:
        GraphError: the graph breaks a rule, or an operand's shape cannot be compiled.
        ScheduleError: a given schedule names a tile that the target does not have.
    """
    program = lower(optimize(graph), target, schedules)
    plan = plan_memory(program, target.vector_floats)
    microkernels = list(dict.fromkeys(step.microkernel for step in program.steps))
    chosen = [layer.schedule.to_json() if layer.schedule else "" for layer in program.layers]
    schedule_digest = hashlib.sha256("\n".join(chosen).encode()).hexdigest()
    model = render_model(
        program,
        plan,
        version=VERSION,
        graph=graph.digest,
        schedule=schedule_digest,
        target=target.full_name,
    )
    files = sorted((render_microkernel(kernel) for kernel in microkernels), key=lambda f: f.name)
    return SourceBundle(
        files=(*files, model, render_header()),
        weights=program.blob,
        manifest=_manifest(graph, target, threads, program, plan),
        target=target.full_name,
    )


def _manifest(
    graph: Graph, target: Target, threads: int, program: Program, plan: MemoryPlan
) -> dict[str, Any]:
    inputs = [{"name": name, "shape": list(kind.shape)} for name, kind in graph.inputs]
    outputs = [{"name": name, "shape": list(graph.type_of(name).shape)} for name in graph.outputs]
    return {
        "generator": f"punchcard {VERSION}",
        "name": graph.name,
        "graph_digest": graph.digest,
        "target": target.full_name,
        "input": inputs[0],
        "output": outputs[0],
        "inputs": inputs,
        "outputs": outputs,
        "arena_bytes": 4 * plan.size,
        "weights_bytes": len(program.blob),
        "weights_sha256": hashlib.sha256(program.blob).hexdigest(),
        "threads": threads,
        "layers": [_layer(index, program) for index in range(len(program.layers))],
    }


def _layer(index: int, program: Program) -> dict[str, Any]:
    layer = program.layers[index]
    steps = [step for step in program.steps if step.layer == index]
    # Copies stand before the microkernel that does the layer's work.
    main = next((s for s in steps if s.microkernel.family != "repack"), steps[0]).microkernel
    return {
        "index": index,
        "name": layer.name,
        "op": layer.op,
        "kernel": main.name,
        "format": layer.format,
        "schedule": asdict(layer.schedule) if layer.schedule else {},
        "macs": layer.macs,
        "nonzero_macs": layer.nonzero_macs,
        "source": main.file_name,
    }
