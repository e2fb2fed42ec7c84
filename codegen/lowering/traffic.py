"""Bytes that a layer moves at least once a run: its share of the blob and of the arena."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from codegen.lowering.program import Address, Packed, Program, Step


@dataclass(frozen=True)
class Traffic:
    """What a layer reads and writes, each array counted once.

    Attributes:
        weight_bytes: arrays in the blob: weights, positions, biases.
        activation_bytes: values read and written, as they lie, padding included.
    """

    weight_bytes: int
    activation_bytes: int


def blob_sizes(programs: Iterable[Program], blob_bytes: int) -> dict[int, int]:
    """Bytes of each array of a blob by the byte where it starts, up to the next one's start."""
    starts = {start for p in programs for step in p.steps for start in _packed(step)}
    return {start: end - start for start, end in pairwise([*sorted(starts), blob_bytes])}


def layer_traffic(program: Program, layer: int, sizes: Mapping[int, int]) -> Traffic:
    """Traffic of one layer; `sizes` is what `blob_sizes` gave."""
    steps = [step for step in program.steps if step.layer == layer]
    packed = {start for step in steps for start in _packed(step)}
    buffers = {base for step in steps for base in step.reads}
    buffers |= {step.writes for step in steps if step.writes is not None}
    elements = sum(program.buffers[base].size for base in buffers)
    spaces = {
        value.space for step in steps for _, value in step.arguments if isinstance(value, Address)
    }
    if "input" in spaces:
        elements += program.input_elements
    if "output" in spaces:
        elements += program.output_elements
    return Traffic(sum(sizes[start] for start in packed), 4 * elements)


def _packed(step: Step) -> Iterable[int]:
    for _, value in step.arguments:
        if isinstance(value, Packed):
            yield value.byte
        elif isinstance(value, Address) and value.space == "weights":
            yield 4 * value.base
