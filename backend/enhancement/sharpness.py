"""How sharp a saliency map is, as three numbers that do not depend on its scale.

The paper shows three pictures and calls the pruned net's saliency sharper (Ma et al., ECCV 2020).
These scores make of that a claim that can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Maps: TypeAlias = npt.NDArray[np.floating]
Values: TypeAlias = npt.NDArray[np.float64]

TOP_SHARE = 0.1


@dataclass(frozen=True)
class SharpnessScore:
    """One way to score maps.

    Attributes:
        title: what people call it.
        measure: non-negative maps (n, height, width) to one number each, (n,); NaN where a map is
            zero everywhere.
        sharper_is_higher: which way a sharper map moves the number.
    """

    title: str
    measure: Callable[[Maps], Values]
    sharper_is_higher: bool


def entropy(maps: Maps) -> Values:
    """Entropy of a map taken as a distribution over its pixels, divided by that of an even one.

    -sum(p ln p) / ln(pixels) with p = map / sum(map): 1 where all pixels are equal, 0 where one
    pixel has all. Lower is sharper.
    """
    flat = _flat(maps)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = flat / flat.sum(axis=1, keepdims=True)
        terms = np.where(share > 0, share * np.log(np.where(share > 0, share, 1.0)), 0.0)
        result: Values = -terms.sum(axis=1) / np.log(flat.shape[1])
    return np.where(flat.any(axis=1), result, np.nan)


def top_energy(maps: Maps) -> Values:
    """Share of a map's energy, sum(map^2), in the tenth of its pixels with the most.

    0.1 where all pixels are equal, 1 where a tenth of them or fewer have all. Higher is sharper.
    """
    energy = np.sort(_flat(maps) ** 2, axis=1)[:, ::-1]
    count = int(np.ceil(TOP_SHARE * energy.shape[1]))
    total = energy.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Values = energy[:, :count].sum(axis=1) / total
    return np.where(total > 0, result, np.nan)


def laplacian_variance(maps: Maps) -> Values:
    """Variance of a map's Laplacian, divided by its mean energy.

    The Laplacian is the stencil [0 1 0; 1 -4 1; 0 1 0] with border pixels repeated outwards; the
    energy is mean(map^2). 0 where all pixels are equal; higher is sharper.
    """
    values = np.asarray(maps, dtype=np.float64)
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    laplacian = (
        padded[:, :-2, 1:-1]
        + padded[:, 2:, 1:-1]
        + padded[:, 1:-1, :-2]
        + padded[:, 1:-1, 2:]
        - 4.0 * values
    )
    energy = (values**2).mean(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Values = laplacian.var(axis=(1, 2)) / energy
    return np.where(energy > 0, result, np.nan)


SHARPNESS: Mapping[str, SharpnessScore] = MappingProxyType(
    {
        "entropy": SharpnessScore("entropy", entropy, sharper_is_higher=False),
        "top_energy": SharpnessScore("energy in the top 10 %", top_energy, sharper_is_higher=True),
        "laplacian": SharpnessScore(
            "Laplacian variance ÷ energy", laplacian_variance, sharper_is_higher=True
        ),
    }
)
"""Every score by its name in reports; the suite of synthetic maps runs over all of them."""


def measure_sharpness(maps: Maps) -> dict[str, Values]:
    """All scores of maps (n, height, width)."""
    return {name: score.measure(maps) for name, score in SHARPNESS.items()}


def _flat(maps: Maps) -> Values:
    return np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
