"""Filter-kernel-weight (FKW), the compact format of pattern layers.

PatDNN (ASPLOS 2020), section 4.3: filters, kernels and weights are stored so that kernels of one
pattern follow each other. We deviate in the order: kernels are sorted by input channel, then by
pattern (kernels.md 5.3), so that the inputs a pattern needs are loaded once for a run of kernels
(the load redundancy elimination of section 4.4) and filters need no permutation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

_MOST_TAPS = 62
"""Taps of a kernel are bits of a 64-bit code."""


@dataclass(frozen=True, eq=False)
class FkwBlock:
    """Kernels of a block of filters, sorted by input channel, pattern and filter.

    Attributes:
        first: first filter of the block.
        channels: (runs,) input channel of each run.
        taps: (runs, entries) taps of its pattern, the last one repeated where it has fewer.
        counts: (runs,) kernels in it.
        filters: (kernels,) filter within the block.
        values: (kernels, entries).
    """

    first: int
    channels: IntArray
    taps: IntArray
    counts: IntArray
    filters: npt.NDArray[np.uint16]
    values: FloatArray

    @property
    def size_bytes(self) -> int:
        """Bytes of filter indices and weights, and of runs stored as whole numbers of 4 bytes."""
        entries = self.values.shape[1]
        run_bytes = 4 * (entries + 1) * len(self.counts)
        return int(self.filters.nbytes + self.values.nbytes + run_bytes)


def is_packable(weight: FloatArray, entries: int) -> bool:
    """Whether no kernel of (filters, channels, taps) has more weights than a pattern holds."""
    if not entries <= weight.shape[2] <= _MOST_TAPS:
        return False
    counts: npt.NDArray[np.intp] = np.count_nonzero(weight, axis=2)
    return bool(np.all(counts <= entries))


def count_runs(weight: FloatArray, entries: int, block: int) -> tuple[int, int]:
    """Runs and kernels that packing would give, quicker than packing."""
    patterns, _ = _patterns_of(weight, entries)
    filters, channels = np.nonzero(patterns >= 0)
    keys = (filters // block) * weight.shape[1] + channels
    runs = np.unique(keys * (int(patterns.max(initial=0)) + 1) + patterns[filters, channels])
    return len(runs), len(filters)


def pack_fkw(weight: FloatArray, entries: int, block: int) -> tuple[FkwBlock, ...]:
    """Pack (filters, channels, taps) in blocks of at most `block` filters."""
    patterns, taps = _patterns_of(weight, entries)
    return tuple(
        _pack_block(weight[first : first + block], patterns[first : first + block], taps, first)
        for first in range(0, len(weight), block)
    )


def _pack_block(
    weight: FloatArray, patterns: npt.NDArray[np.intp], taps: IntArray, first: int
) -> FkwBlock:
    filters, channels = np.nonzero(patterns >= 0)
    pattern = patterns[filters, channels]
    order = np.lexsort((filters, pattern, channels))
    filters, channels, pattern = filters[order], channels[order], pattern[order]
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (np.diff(channels) != 0) | (np.diff(pattern) != 0)
    starts = np.flatnonzero(begins)
    chosen = taps[pattern]
    values = weight[filters[:, None], channels[:, None], chosen]
    # A repeated last tap carries its weight once.
    values[:, 1:][chosen[:, 1:] == chosen[:, :-1]] = 0
    return FkwBlock(
        first,
        channels[starts].astype(np.int32),
        taps[pattern[starts]],
        np.diff(np.append(starts, len(order))).astype(np.int32),
        filters.astype(np.uint16),
        values.astype(np.float32),
    )


def _patterns_of(weight: FloatArray, entries: int) -> tuple[npt.NDArray[np.intp], IntArray]:
    """Pattern of every kernel (-1 where it is empty) and the taps of every pattern.

    A kernel with fewer taps than a pattern holds takes the first fuller pattern that covers it.
    """
    # One bit a tap: kernels with the same taps have the same code.
    bits = 1 << np.arange(weight.shape[2], dtype=np.int64)
    codes = (weight != 0) @ bits
    found, where = np.unique(codes, return_inverse=True)
    kept: list[int] = []
    pattern_of: dict[int, int] = {0: -1}
    for code in sorted(found.tolist(), key=lambda item: (-item.bit_count(), item)):
        if code:
            cover = next((i for i, other in enumerate(kept) if code & other == code), len(kept))
            if cover == len(kept):
                kept.append(code)
            pattern_of[code] = cover
    table = np.array([pattern_of[code] for code in found.tolist()], dtype=np.intp)
    taps = np.zeros((len(kept), entries), dtype=np.int32)
    for index, code in enumerate(kept):
        own = [tap for tap in range(code.bit_length()) if code >> tap & 1]
        taps[index] = own + own[-1:] * (entries - len(own))
    return table[where].reshape(codes.shape), taps


def unpack_fkw(blocks: tuple[FkwBlock, ...], shape: tuple[int, int, int]) -> FloatArray:
    """The weights again."""
    weight = np.zeros(shape, dtype=np.float32)
    for block in blocks:
        channels = np.repeat(block.channels, block.counts)
        taps = np.repeat(block.taps, block.counts, axis=0)
        filters = block.first + block.filters.astype(np.intp)
        np.add.at(weight, (filters[:, None], channels[:, None], taps), block.values)
    return weight
