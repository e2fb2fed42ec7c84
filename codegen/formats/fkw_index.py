"""How the runs of FKW weights are told to a microkernel: by a table of lengths, or by classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codegen.formats.fkw import Fkw

ByteArray = npt.NDArray[np.uint8]


def run_table(packed: Fkw) -> ByteArray:
    """(blocks, channels, patterns) lengths of all runs, empty ones too: PatDNN's stride array.

    Small where most channels have kernels of most patterns, as with four or more filters a
    pattern. Runs must be in the order of channels, blocks of fewer than 256 filters.
    """
    table = np.zeros((packed.blocks, packed.shape[1], len(packed.patterns)), dtype=np.uint8)
    table[packed.run_blocks, packed.run_channels, packed.run_patterns] = packed.run_lengths
    return table


@dataclass(frozen=True, eq=False)
class RunClasses:
    """Runs of each block of filters and channels, by falling length.

    Attributes:
        classes: for each block of filters and of channels, the number of different lengths, and
            for each of them (kernels of a run, runs of that length).
        runs: (runs, 2) channel within its block, pattern.
    """

    classes: npt.NDArray[np.uint16]
    runs: ByteArray

    @property
    def size_bytes(self) -> int:
        """Bytes of both arrays."""
        return self.classes.nbytes + self.runs.nbytes


def run_classes(packed: Fkw, channel_block: int) -> RunClasses:
    """Classes of runs that were packed with the same `channel_block`, at most 256."""
    parts = -(-packed.shape[1] // channel_block)
    part = packed.run_blocks * parts + packed.run_channels // channel_block
    classes: list[int] = []
    bounds = np.searchsorted(part, np.arange(packed.blocks * parts + 1))
    for first, end in zip(bounds[:-1], bounds[1:], strict=True):
        lengths = packed.run_lengths[first:end]
        begins = np.flatnonzero(np.diff(lengths, prepend=-1))
        classes.append(len(begins))
        counts = np.diff(np.append(begins, len(lengths)))
        classes += np.stack([lengths[begins], counts], axis=1).ravel().tolist()
    runs = np.stack([packed.run_channels % channel_block, packed.run_patterns], axis=1)
    return RunClasses(np.array(classes, dtype=np.uint16), runs.astype(np.uint8))
