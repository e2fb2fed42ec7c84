"""Factorisations of the kernels of one group of channels, without data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backend.models.filter_types.filter_type import FloatArray

_Double = npt.NDArray[np.float64]

SWEEPS = 8
"""Of alternating least squares; the error of trained 3x3 layers hardly falls after these."""

_RIDGE = 1e-6
"""Share of the normal matrix's mean diagonal that is added: terms may become parallel."""


def rank_one_kernels(weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One kernel for each input channel and what every filter takes of it.

    The matrix of all kernels of a channel, (filters, k), has its best approximation of rank one in
    its first singular pair (Eckart and Young). Both parts get the same norm.

    Args:
        weight: (filters, channels, k).

    Returns:
        Kernels (channels, k) and mixing weights (filters, channels).
    """
    kernels, mixed = _rank_one(weight.astype(np.float64))
    return kernels.astype(np.float32), mixed.astype(np.float32)


def canonical_kernels(weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Canonical decomposition into as many terms as there are channels, by least squares in turns.

    W[f, c, k] is approximated by the sum over r of last[f, r] spatial[r, k] first[r, c]; begins
    at `rank_one_kernels` (first = identity) and only gets nearer.

    Args:
        weight: (filters, channels, k).

    Returns:
        first (terms, channels), spatial (terms, k) and last (filters, terms), each term of the
        same norm in all three.
    """
    w = weight.astype(np.float64).transpose(2, 0, 1)  # (k, filters, channels)
    spatial, last = _rank_one(weight.astype(np.float64))
    first = np.eye(weight.shape[1])
    for _ in range(SWEEPS):
        seen = w @ first.T  # (k, filters, terms)
        spatial = _solved(np.einsum("kfr,fr->kr", seen, last), last.T @ last, first @ first.T).T
        last = _solved(np.einsum("kfr,rk->fr", seen, spatial), first @ first.T, spatial @ spatial.T)
        made = np.einsum("kcr,rk->cr", w.transpose(0, 2, 1) @ last, spatial)
        first = _solved(made, last.T @ last, spatial @ spatial.T).T
    norms = [np.linalg.norm(first, axis=1), np.linalg.norm(spatial, axis=1)]
    norms.append(np.linalg.norm(last, axis=0))
    common = np.cbrt(norms[0] * norms[1] * norms[2])
    scale = [np.divide(common, norm, out=np.zeros_like(norm), where=norm > 0) for norm in norms]
    return (
        (first * scale[0][:, None]).astype(np.float32),
        (spatial * scale[1][:, None]).astype(np.float32),
        (last * scale[2]).astype(np.float32),
    )


def _rank_one(weight: _Double) -> tuple[_Double, _Double]:
    by_channel = weight.transpose(1, 0, 2)  # (channels, filters, k)
    vectors = np.linalg.eigh(by_channel.transpose(0, 2, 1) @ by_channel)[1][:, :, -1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], axis=1)
    vectors = vectors * np.where(largest < 0, -1.0, 1.0)  # a sign that does not depend on LAPACK
    mixed = np.einsum("cfk,ck->fc", by_channel, vectors)
    root = np.sqrt(np.linalg.norm(mixed, axis=0))
    shares = np.divide(mixed, root, out=np.zeros_like(mixed), where=root > 0)
    return vectors * root[:, None], shares


def _solved(made: _Double, one: _Double, other: _Double) -> _Double:
    """Rows of least squares whose normal matrix is the product of two Gram matrices, entrywise."""
    normal = one * other
    normal = normal + _RIDGE * max(float(np.trace(normal)) / len(normal), 1e-12) * np.eye(
        len(normal)
    )
    return np.asarray(np.linalg.solve(normal, made.T).T)
