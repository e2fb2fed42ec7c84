"""Milliseconds (or anything that adds up) between the options of neighbouring layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options


@dataclass(frozen=True)
class Neighbours:
    """What two neighbouring layers cost beside their own terms.

    Options that behave alike towards neighbours share a kind, so that a programme over layers
    needs one state for each kind; where every option is a kind of its own nothing is shared.

    Attributes:
        kind_of: (columns,) kind of each option within its layer, from 0.
        terms: for each layer but the last, (its kinds, kinds of the next layer).
    """

    kind_of: IntArray
    terms: tuple[FloatArray, ...]

    def sums(self, rows: IntArray) -> FloatArray:
        """Terms of candidates (n, layers), summed."""
        total = np.zeros(rows.shape[0])
        kinds = self.kind_of[rows]
        for pair, term in enumerate(self.terms):
            total += term[kinds[:, pair], kinds[:, pair + 1]]
        return total


def no_neighbours(options: Options) -> Neighbours:
    """No term at all: the additive problem."""
    pairs = max(len(options.layers) - 1, 0)
    return Neighbours(np.zeros(options.columns, dtype=np.int64), (np.zeros((1, 1)),) * pairs)


def every_option(options: Options, terms: Sequence[FloatArray]) -> Neighbours:
    """Each option a kind of its own: terms are (options, options of the next layer)."""
    return Neighbours(np.concatenate([np.arange(n) for n in options.sizes]), tuple(terms))


def coarsened(options: Options, exact: Neighbours, kind: IntArray) -> tuple[FloatArray, Neighbours]:
    """Terms between kinds of options, and what is left to the options alone.

    `term[a, b]` becomes `r[a] + s[b] + P[kind a, kind b]` with P the mean of the block and r, s
    the mean deviations from it: a few states in place of one for each option. What this misses
    is the product of two small effects; candidates are judged by the exact terms afterwards.

    Args:
        options: layers and their options.
        exact: terms, whatever its kinds.
        kind: (columns,) the kinds to keep apart; any numbers.

    Returns:
        (columns,) to be added to the table of the options, and the terms between kinds.
    """
    alone = np.zeros(options.columns)
    small = np.zeros(options.columns, dtype=np.int64)
    spans = [slice(a, b) for a, b in zip(options.starts[:-1], options.starts[1:], strict=True)]
    for span in spans:
        small[span] = np.unique(kind[span], return_inverse=True)[1]
    terms = []
    for pair, (here, ahead) in enumerate(zip(spans[:-1], spans[1:], strict=True)):
        full = exact.terms[pair][np.ix_(exact.kind_of[here], exact.kind_of[ahead])]
        rows, columns = _members(small[here]), _members(small[ahead])
        block = rows @ full @ columns.T
        left = full - block[np.ix_(small[here], small[ahead])]
        alone[here] += left.mean(axis=1)
        alone[ahead] += left.mean(axis=0)
        terms.append(block)
    return alone, Neighbours(small, tuple(terms))


def _members(kinds: IntArray) -> FloatArray:
    """(kinds, options): each row takes the mean over a kind's options."""
    table = (kinds == np.arange(kinds.max() + 1)[:, None]).astype(np.float64)
    return np.asarray(table / table.sum(axis=1, keepdims=True))
