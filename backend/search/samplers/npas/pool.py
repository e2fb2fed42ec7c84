"""The pool of candidates that the predictor chooses from."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


def mutants(parents: Codes, sizes: Sequence[int], count: int, random: np.random.Generator) -> Codes:
    """Children of the parents, taken in turns, each with at least one other choice.

    A layer is redrawn with probability 1 / layers (NASBOWL mutates one edit on average).

    Args:
        parents: (parents, layers).
        sizes: number of choices of each layer.
        count: number of children.
        random: draws them.
    """
    layers = len(sizes)
    children = parents[np.arange(count) % len(parents)].copy()
    changed = random.random(children.shape) < 1.0 / layers
    changed[np.arange(count), random.integers(layers, size=count)] = True
    # Another choice than the parent's: as many steps on, round the menu.
    steps = 1 + random.integers(np.maximum(np.asarray(sizes) - 1, 1), size=children.shape)
    return np.where(changed, (children + steps) % np.asarray(sizes), children)


def new_ones(candidates: Codes, known: Sequence[Container[bytes]]) -> Codes:
    """Candidates that none of the sets holds, each once, in their order."""
    kept: dict[bytes, int] = {}
    for index, row in enumerate(candidates):
        key = row.tobytes()
        if key not in kept and not any(key in tried for tried in known):
            kept[key] = index
    return candidates[list(kept.values())]
