"""Milliseconds expected of a choice in a layer of some shape before anything was measured."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np

from backend.models.filter_types import FILTER_TYPES, Layer
from backend.sparsity.candidate import LayerChoice
from codegen.ir.node import Node
from codegen.ir.tensor import TensorType

OVERHEAD_MS = 0.001
"""What a layer costs beside its multiply-accumulates."""

DENSE_MACS_PER_MS = 2.0e7
"""A core's dense speed; only ratios matter until the first profile corrects it."""

SPARSE_SLOWDOWN = {"pattern": 1.3, "block_punched": 1.2, "block": 1.2, "filter": 1.0, "dense": 1.0}
"""A kept weight's cost beside a dense one's; 2 for what is not listed."""

_SIZES = re.compile(r"^\w+, (\d+(?:x\d+)*) to (\d+(?:x\d+)*)(?:, (\d+)x(\d+))?")
_DILATION, _GROUPS = re.compile(r", dilation (\d+)"), re.compile(r", groups (\d+)")


@lru_cache(maxsize=65536)
def guess_ms(signature: str, label: str) -> float:
    """Non-zero work at a guessed speed plus an overhead; a layer left out costs a tenth of that.

    Args:
        signature: of the layer, as `layer_signatures` gives it.
        label: of the choice.
    """
    choice = LayerChoice.parse(label)
    macs = _macs(signature, choice.filter_type)
    if not macs:
        return 0.1 * OVERHEAD_MS
    work = macs / choice.rate * SPARSE_SLOWDOWN.get(choice.scheme, 2.0)
    return OVERHEAD_MS + work / DENSE_MACS_PER_MS


@lru_cache(maxsize=4096)
def _macs(signature: str, filter_type: str) -> float:
    """Of the convolutions that stand in the layer's place: each weight at each place it writes."""
    found = _SIZES.match(signature)
    if found is None:
        return 1e6
    read, written = ([int(size) for size in part.split("x")] for part in found.groups()[:2])
    places, after = math.prod(read[1:]), math.prod(written[1:])
    if found[3] is None:  # fully connected
        return float(read[0] * written[0] * after)
    kernel = (int(found[3]), int(found[4]))
    macs = 0.0
    for piece in FILTER_TYPES[filter_type].pieces(
        _layer(signature, read[0], written[0], kernel), start=False
    ):
        if piece.is_spatial:
            places = after
        macs += places * piece.weight.size
    return macs


def _layer(signature: str, channels: int, filters: int, kernel: tuple[int, int]) -> Layer:
    groups, dilation = _GROUPS.search(signature), _DILATION.search(signature)
    count, apart = int(groups[1]) if groups else 1, int(dilation[1]) if dilation else 1
    reach = tuple(apart * (side // 2) for side in kernel)
    node = Node(
        "layer",
        "conv",
        ("input",),
        TensorType((1, filters)),
        (("dilation", (apart, apart)), ("groups", count), ("padding", (*reach, *reach))),
    )
    return Layer(node, np.zeros((filters, channels // count, *kernel), np.float32))
