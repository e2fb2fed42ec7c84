"""Milliseconds expected of a choice in a layer of some shape before anything was measured."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from backend.sparsity.candidate import LayerChoice

OVERHEAD_MS = 0.001
"""What a layer costs beside its multiply-accumulates."""

DENSE_MACS_PER_MS = 2.0e7
"""A core's dense speed; only ratios matter until the first profile corrects it."""

SPARSE_SLOWDOWN = {"pattern": 1.3, "block_punched": 1.2, "block": 1.2, "filter": 1.0, "dense": 1.0}
"""A kept weight's cost beside a dense one's; 2 for what is not listed."""

_SIZES = re.compile(r"^\w+, (\d+(?:x\d+)*) to (\d+(?:x\d+)*)(?:, (\d+)x(\d+))?")
_GROUPS = re.compile(r", groups (\d+)")


@lru_cache(maxsize=65536)
def guess_ms(signature: str, label: str) -> float:
    """Non-zero work at a guessed speed plus an overhead.

    Args:
        signature: of the layer, as `layer_signatures` gives it.
        label: of the choice.
    """
    choice = LayerChoice.parse(label)
    if choice.filter_type == "skip":
        return 0.1 * OVERHEAD_MS
    macs = _macs(signature, choice.filter_type)
    work = macs / choice.rate * SPARSE_SLOWDOWN.get(choice.scheme, 2.0)
    return OVERHEAD_MS + work / DENSE_MACS_PER_MS


def _macs(signature: str, filter_type: str) -> float:
    found = _SIZES.match(signature)
    if found is None:
        return 1e6
    read, written = ([int(size) for size in part.split("x")] for part in found.groups()[:2])
    kernel = [int(size) for size in found.groups()[2:] if size is not None]
    groups = _GROUPS.search(signature)
    inputs, outputs = read[0], written[0]
    places, wide = math.prod(written[1:]), math.prod(read[1:])
    window = math.prod(kernel)
    if filter_type == "conv1x1":
        window = 1
    elif filter_type == "conv3x3":
        window = 9
    elif filter_type == "dw3x3_conv1x1":
        return places * (9.0 * inputs + inputs * outputs)
    elif filter_type == "conv1x1_dw3x3_conv1x1":
        return wide * inputs * outputs + places * (9.0 * outputs + outputs * outputs)
    return float(places * window * outputs * inputs / (int(groups[1]) if groups else 1))
