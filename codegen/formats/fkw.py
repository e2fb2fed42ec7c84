"""Filter-kernel-weight (FKW), the compact format of pattern layers.

PatDNN (ASPLOS 2020), section 4.3: kernels of one pattern follow each other, so that a pattern is
told once for a run of them and a kernel costs its weights and one small index. We deviate in the
order. PatDNN stores filter by filter and sorts filters by length (its filter kernel reorder), since
each of its threads takes whole filters; here the filters of a block lie in the cache together, so
kernels are sorted by input channel and pattern, the index tells the filter, and the outputs need no
permutation. What is reordered by length are the runs, where a loop over them should be predictable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

MOST_FILTERS = 256
"""Filters of a block: their indices take one byte."""

MOST_PATTERNS = 256
"""Patterns of a layer: their indices take one byte."""

_MOST_TAPS = 62
"""Taps of a kernel are bits of a 64-bit code."""


@dataclass(frozen=True, eq=False)
class Fkw:
    """Kernels in blocks of filters; a run is kernels of one block, input channel and pattern.

    Attributes:
        shape: (filters, channels, taps) of the weights.
        block: filters of a block; the last one may have fewer.
        patterns: (patterns, entries) taps, the last one repeated where a pattern has fewer.
        run_blocks: (runs,) block of each run.
        run_channels: (runs,) its input channel.
        run_patterns: (runs,) its pattern.
        run_lengths: (runs,) kernels in it.
        filters: (kernels,) filter within the block.
        values: (kernels, entries).
    """

    shape: tuple[int, int, int]
    block: int
    patterns: IntArray
    run_blocks: IntArray
    run_channels: IntArray
    run_patterns: IntArray
    run_lengths: IntArray
    filters: npt.NDArray[np.uint8]
    values: FloatArray

    @property
    def blocks(self) -> int:
        """Blocks of filters."""
        return -(-self.shape[0] // self.block)

    @property
    def kernel_bytes(self) -> int:
        """Bytes of filter indices and weights: 17 a kernel of four weights."""
        return self.filters.nbytes + self.values.nbytes


def is_packable(weight: FloatArray, entries: int) -> bool:
    """Whether no kernel of (filters, channels, taps) has more weights than a pattern holds."""
    if not entries <= weight.shape[2] <= _MOST_TAPS:
        return False
    counts: npt.NDArray[np.intp] = np.count_nonzero(weight, axis=2)
    return bool(np.all(counts <= entries))


def pack_fkw(
    weight: FloatArray, entries: int, block: int, *, channel_block: int | None = None
) -> Fkw:
    """Pack (filters, channels, taps) in blocks of filters.

    Args:
        weight: no kernel has more than `entries` weights.
        entries: weights of a pattern.
        block: filters of a block, at most `MOST_FILTERS`.
        channel_block: None leaves runs in the order of channels and patterns; else those of so
            many channels are sorted by falling length, so that loops over them are predictable.
    """
    pattern_of, patterns = _patterns_of(weight, entries)
    filters, channels = np.nonzero(pattern_of >= 0)
    pattern = pattern_of[filters, channels]
    run = ((filters // block) * weight.shape[1] + channels) * max(len(patterns), 1) + pattern
    _, run_of, lengths = np.unique(run, return_inverse=True, return_counts=True)
    keys: tuple[npt.NDArray[np.intp], ...] = (filters, run)
    if channel_block is not None:
        group = (filters // block) * weight.shape[1] + channels // channel_block
        keys = (filters, run, -lengths[run_of], group)
    order = np.lexsort(keys)
    filters, channels, pattern = filters[order], channels[order], pattern[order]
    starts = np.flatnonzero(np.diff(run[order], prepend=-1))
    chosen = patterns[pattern]
    values = weight[filters[:, None], channels[:, None], chosen]
    # A repeated last tap carries its weight once.
    values[:, 1:][chosen[:, 1:] == chosen[:, :-1]] = 0
    return Fkw(
        shape=(weight.shape[0], weight.shape[1], weight.shape[2]),
        block=block,
        patterns=patterns,
        run_blocks=(filters[starts] // block).astype(np.int32),
        run_channels=channels[starts].astype(np.int32),
        run_patterns=pattern[starts].astype(np.int32),
        run_lengths=np.diff(np.append(starts, len(order))).astype(np.int32),
        filters=(filters % block).astype(np.uint8),
        values=values.astype(np.float32),
    )


def unpack_fkw(packed: Fkw) -> FloatArray:
    """The weights again."""
    weight = np.zeros(packed.shape, dtype=np.float32)
    channels = np.repeat(packed.run_channels, packed.run_lengths)
    first = np.repeat(packed.run_blocks, packed.run_lengths) * packed.block
    taps = packed.patterns[np.repeat(packed.run_patterns, packed.run_lengths)]
    filters = first + packed.filters.astype(np.intp)
    np.add.at(weight, (filters[:, None], channels[:, None], taps), packed.values)
    return weight


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
