"""The compiler's front door: a graph and a target in, C sources and a weights blob out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from codegen.bundle import SourceBundle, SourceFile
from codegen.formats.blob import Blob
from codegen.ir.graph import Graph
from codegen.ir.live_set import largest_live_set
from codegen.ir.passes import optimize
from codegen.kernels.microkernel import Microkernel
from codegen.lowering.lower import lower
from codegen.lowering.memory_plan import MemoryPlan, plan_memory
from codegen.lowering.program import Program
from codegen.lowering.thread_plan import StepThreads, plan_threads
from codegen.lowering.traffic import blob_sizes, layer_traffic
from codegen.render.microkernel_file import render_microkernel
from codegen.render.model_file import render_model
from codegen.render.program_file import render_program
from codegen.render.runtime_files import runtime_files
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import members_of
from codegen.targets.target import Target

VERSION = "0.1"


def generate(
    graph: Graph,
    target: Target,
    *,
    threads: int = 1,
    schedules: Mapping[str, Schedule] | None = None,
    is_exact: bool = False,
) -> SourceBundle:
    """Compile a graph; the same arguments give the same bytes.

    Args:
        graph: the network as trained or imported; it is optimised here.
        target: what to generate for.
        threads: how many threads a run of it should use by default.
        schedules: fixes the schedules of some layers (a tuner's choice); by default all are
            chosen by the cost model from the zeros found in the weights.
        is_exact: forbids Winograd's minimal filtering, which rounds more (an error of up to 1e-3
            of the output's range instead of 1e-4) and spreads NaN and infinity over its tile.

    Raises:
        GraphError: the graph breaks a rule, or an operand's shape cannot be compiled.
        ScheduleError: a given schedule names a tile that the target does not have.
    """
    optimized = optimize(graph)
    blob = Blob()
    parts = [
        _Part.made(optimized, member, schedules, blob, is_exact=is_exact)
        for member in members_of(target)
    ]
    weights = blob.to_bytes()
    # What several instruction sets share is built for the least of them.
    built_for = {kernel: part.target.name for part in parts for kernel in part.microkernels}
    microkernels = [
        replace(render_microkernel(kernel), target=name) for kernel, name in built_for.items()
    ]
    programs = [part.rendered(graph.digest) for part in parts]
    first = parts[0].program
    model = render_model(
        targets=[part.target.full_name for part in parts],
        weights=weights,
        input_elements=first.input_elements,
        output_elements=first.output_elements,
        arena_bytes=max(4 * part.plan.size for part in parts),
        layers=len(first.layers),
        version=VERSION,
        graph=graph.digest,
    )
    files = sorted(microkernels, key=lambda file: file.name)
    return SourceBundle(
        files=(*files, *programs, model, *runtime_files()),
        weights=weights,
        manifest=_manifest(graph, target, threads, parts, weights, frozenset(schedules or ())),
        target=target.full_name,
    )


@dataclass(frozen=True)
class _Part:
    """What is compiled for one instruction set."""

    target: Target
    program: Program
    plan: MemoryPlan
    threads: tuple[StepThreads, ...]

    @staticmethod
    def made(
        graph: Graph,
        target: Target,
        schedules: Mapping[str, Schedule] | None,
        blob: Blob,
        *,
        is_exact: bool,
    ) -> _Part:
        lowered = lower(graph, target, schedules, blob, is_exact=is_exact)
        program, plan = plan_memory(lowered, target.vector_floats, largest_live_set(graph))
        return _Part(target, program, plan, plan_threads(program, plan, target))

    @property
    def microkernels(self) -> list[Microkernel]:
        return list(dict.fromkeys(step.microkernel for step in self.program.steps))

    def rendered(self, graph_digest: str) -> SourceFile:
        layers = self.program.layers
        chosen = [layer.schedule.to_json() if layer.schedule else "" for layer in layers]
        return render_program(
            self.program,
            self.plan,
            self.threads,
            self.target,
            version=VERSION,
            graph=graph_digest,
            schedule=hashlib.sha256("\n".join(chosen).encode()).hexdigest(),
        )


def _manifest(
    graph: Graph,
    target: Target,
    threads: int,
    parts: list[_Part],
    weights: bytes,
    tuned: frozenset[str],
) -> dict[str, Any]:
    inputs = [{"name": name, "shape": list(kind.shape)} for name, kind in graph.inputs]
    outputs = [{"name": name, "shape": list(graph.type_of(name).shape)} for name in graph.outputs]
    # The profile and the page show the layers as the fastest program runs them.
    program = parts[0].program
    sizes = blob_sizes((part.program for part in parts), len(weights))
    return {
        "generator": f"punchcard {VERSION}",
        "name": graph.name,
        "graph_digest": graph.digest,
        "target": target.full_name,
        "programs": [part.target.full_name for part in parts],
        "input": inputs[0],
        "output": outputs[0],
        "inputs": inputs,
        "outputs": outputs,
        "arena_bytes": max(4 * part.plan.size for part in parts),
        "weights_bytes": len(weights),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "threads": threads,
        "layers": [
            {**_layer(index, program, sizes), "tuned": layer.name in tuned}
            for index, layer in enumerate(program.layers)
        ],
    }


def _layer(index: int, program: Program, sizes: Mapping[int, int]) -> dict[str, Any]:
    layer, traffic = program.layers[index], layer_traffic(program, index, sizes)
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
        "layout": layer.layout,
        "nonzero_macs": layer.nonzero_macs,
        "transformed_bytes": layer.transformed_bytes,
        "weight_bytes": traffic.weight_bytes,
        "activation_bytes": traffic.activation_bytes,
        "source": main.file_name,
    }
