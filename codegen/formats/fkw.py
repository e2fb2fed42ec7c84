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

Pattern = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FkwBlock:
    """Kernels of a block of filters.

    Attributes:
        first: first filter of the block.
        runs: (input channel, pattern, kernels) in order; a pattern names `entries` taps, the last
            one repeated where it has fewer.
        filters: (kernels,) filter within the block.
        values: (kernels, entries).
    """

    first: int
    runs: tuple[tuple[int, Pattern, int], ...]
    filters: npt.NDArray[np.uint16]
    values: FloatArray

    @property
    def size_bytes(self) -> int:
        """Bytes of filter indices and weights, and of runs stored as whole numbers of 4 bytes."""
        entries = self.values.shape[1]
        return self.filters.nbytes + self.values.nbytes + 4 * (entries + 1) * len(self.runs)


def is_packable(weight: FloatArray, entries: int) -> bool:
    """Whether no kernel of (filters, channels, taps) has more weights than a pattern holds."""
    counts: npt.NDArray[np.intp] = np.count_nonzero(weight, axis=2)
    return bool((counts <= entries).all())


def pack_fkw(weight: FloatArray, entries: int, block: int) -> tuple[FkwBlock, ...]:
    """Pack (filters, channels, taps) in blocks of at most `block` filters."""
    return tuple(
        _pack_block(weight[first : first + block], entries, first)
        for first in range(0, len(weight), block)
    )


def _pack_block(weight: FloatArray, entries: int, first: int) -> FkwBlock:
    taps = weight.shape[2]
    entries = min(entries, taps)
    # One bit a tap: kernels with the same taps have the same code.
    codes = (weight != 0).astype(np.int64) @ (1 << np.arange(taps, dtype=np.int64))
    runs: list[tuple[int, Pattern, int]] = []
    filters: list[npt.NDArray[np.intp]] = []
    values: list[FloatArray] = []
    for channel in range(weight.shape[1]):
        for pattern, members in _by_pattern(codes[:, channel], entries):
            runs.append((channel, pattern, len(members)))
            filters.append(members)
            taken = weight[members, channel][:, list(pattern)]
            # A repeated last tap carries its weight once.
            for entry in range(1, entries):
                if pattern[entry] == pattern[entry - 1]:
                    taken[:, entry] = 0
            values.append(taken)
    if not runs:
        nothing = np.zeros((0, entries), dtype=np.float32)
        return FkwBlock(first, (), np.zeros(0, dtype=np.uint16), nothing)
    return FkwBlock(
        first,
        tuple(runs),
        np.concatenate(filters).astype(np.uint16),
        np.concatenate(values).astype(np.float32),
    )


def _by_pattern(
    codes: npt.NDArray[np.int64], entries: int
) -> list[tuple[Pattern, npt.NDArray[np.intp]]]:
    """Filters by pattern; a kernel with fewer taps joins a fuller pattern that covers it."""
    kept: dict[int, list[int]] = {}
    for code in sorted(np.unique(codes).tolist(), key=lambda item: (-item.bit_count(), item)):
        if code:
            cover = next((other for other in kept if code & other == code), code)
            kept.setdefault(cover, []).append(code)
    found = []
    for cover, members in sorted(kept.items()):
        taps = tuple(tap for tap in range(cover.bit_length()) if cover >> tap & 1)
        pattern = taps + (taps[-1],) * (entries - len(taps))
        found.append((pattern, np.flatnonzero(np.isin(codes, members))))
    return found


def unpack_fkw(blocks: tuple[FkwBlock, ...], shape: tuple[int, int, int]) -> FloatArray:
    """The weights again."""
    weight = np.zeros(shape, dtype=np.float32)
    for block in blocks:
        kernel = 0
        for channel, pattern, count in block.runs:
            span = slice(kernel, kernel + count)
            for entry, tap in enumerate(pattern):
                weight[block.first + block.filters[span], channel, tap] += block.values[span, entry]
            kernel += count
    return weight
