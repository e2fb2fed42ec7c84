"""What both microkernels of FKW weights are given alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codegen.formats.fkw import Fkw
from codegen.lowering.conv_arguments import conv_arguments, conv_bias
from codegen.lowering.program import Argument, Storage
from codegen.lowering.strategies.problem import ConvProblem


def fkw_arguments(
    problem: ConvProblem,
    packed: Fkw,
    source: Storage,
    residual: Storage | None,
    output: Storage,
) -> dict[str, Argument]:
    """Addresses, kernels and extents."""
    context, node = problem.context, problem.node
    return {
        **conv_arguments(context, node, source, residual, output),
        "filters": context.pack(packed.filters, "uint8_t"),
        "weights": context.pack(packed.values, "float"),
        "bias": context.pack(conv_bias(context, node), "float"),
        "input_plane": source.layout.plane,
        "output_plane": output.layout.plane,
        "channels": packed.shape[1],
        "filter_count": packed.shape[0],
        "block": packed.block,
    }


def tap_offsets(problem: ConvProblem, source: Storage) -> npt.NDArray[np.int32]:
    """(taps,) elements from a position to what each weight of a kernel reads in channel 0."""
    taps, channels = problem.taps, problem.in_shape[1]
    offsets = [taps.offset(tap, 0, channels, source.layout) for tap in taps.taps]
    return np.array(offsets, dtype=np.int32)


def kernel_matrix(problem: ConvProblem) -> npt.NDArray[np.float32]:
    """Weights, (filters, channels, taps)."""
    return problem.values.reshape(*problem.values.shape[:2], -1)


def even_block(filters: int, most: int) -> int:
    """Filters of a block: as few blocks as may be, of nearly the same size."""
    return -(-filters // -(-filters // most))
