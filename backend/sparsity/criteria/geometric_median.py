"""Distance to everything else of a layer: what others can stand in for goes first."""

from __future__ import annotations

import numpy as np

from backend.sparsity.criteria.criterion import Criterion
from backend.sparsity.criteria.evidence import Evidence
from backend.sparsity.schemes.structure import FloatArray

_MOST_OTHERS = 2048
_AT_ONCE = 1 << 22


class GeometricMedian(Criterion):
    """FPGM: score_m = sum_j ||W_m - W_j||_2 (He et al., CVPR 2019, equation 4).

    The paper ranks filters; here W_m is whatever a scheme keeps or removes together, flattened:
    a kernel of a group of filters, a position of a block. Further deviations: above 2048 units of
    a layer each is compared with 2048 of them, evenly spread, and sums are scaled up; positions of
    a kernel that chooses its pattern share the kernel's score by their energy. Smaller units at the
    end of a layer are filled up with zeros.
    """

    name = "geometric_median"
    title = "Geometric median"
    says = "Removes what the others of its layer can stand in for. Needs no images."

    def scores(self, evidence: Evidence) -> FloatArray:
        """Each unit's sum of distances, shared out over its columns."""
        structure, units = evidence.structure, evidence.structure.units
        filters, columns = evidence.weight.shape
        padded = np.zeros((evidence.bands * structure.band, columns), np.float32)
        padded[:filters] = evidence.weight
        banded = padded.reshape(evidence.bands, structure.band, columns)
        distances = distance_sums(_unit_vectors(banded, units, structure.unit_count))
        distances = distances.reshape(evidence.bands, structure.unit_count)
        if structure.alternatives is None:
            shares = (1.0 / np.bincount(units, minlength=structure.unit_count))[units]
            return np.asarray(distances[:, units] * shares, np.float32)
        energy = (banded**2).sum(axis=1) + np.float32(1e-12)  # (bands, columns)
        whole = np.zeros((evidence.bands, structure.unit_count), np.float32)
        np.add.at(whole.T, units, energy.T)
        return np.asarray(distances[:, units] * energy / whole[:, units], np.float32)


def distance_sums(vectors: FloatArray) -> FloatArray:
    """Sum of the Euclidean distances of each vector to all: (n, size) to (n,).

    Above 2048 vectors to 2048 of them, scaled up.
    """
    count = len(vectors)
    if vectors.shape[1] == 1:
        return _sums_on_a_line(vectors[:, 0])
    chosen = np.arange(count)
    if count > _MOST_OTHERS:
        chosen = np.linspace(0, count - 1, _MOST_OTHERS).round().astype(np.int64)
    others = vectors[chosen].astype(np.float64)
    squares = (others**2).sum(axis=1)
    sums = np.empty(count)
    step = max(1, _AT_ONCE // len(others))
    for start in range(0, count, step):
        part = vectors[start : start + step].astype(np.float64)
        squared = (part**2).sum(axis=1)[:, None] + squares - 2.0 * part @ others.T
        sums[start : start + step] = np.sqrt(np.maximum(squared, 0.0)).sum(axis=1)
    return np.asarray(sums * (count / len(others)), np.float32)


def _sums_on_a_line(values: FloatArray) -> FloatArray:
    """The same for single weights, from their order alone: exact for any number."""
    order = np.argsort(values, kind="stable")
    ranked = values[order].astype(np.float64)
    before = np.concatenate(([0.0], np.cumsum(ranked)))
    index = np.arange(len(values))
    sums = np.empty(len(values))
    sums[order] = (
        index * ranked
        - before[:-1]
        + (before[-1] - before[1:])
        - (len(values) - 1 - index) * ranked
    )
    return sums.astype(np.float32)


def _unit_vectors(
    banded: FloatArray, units: np.ndarray[tuple[int], np.dtype[np.int64]], unit_count: int
) -> FloatArray:
    """(bands, band, columns) to (bands x units, band x columns of a unit)."""
    bands, band, columns = banded.shape
    sizes = np.bincount(units, minlength=unit_count)
    order = np.argsort(units, kind="stable")
    slot = np.concatenate([np.arange(size) for size in sizes])
    spread = np.zeros((bands, band, unit_count, int(sizes.max())), np.float32)
    spread[:, :, units[order], slot] = banded[:, :, order]
    return spread.transpose(0, 2, 1, 3).reshape(bands * unit_count, -1)
