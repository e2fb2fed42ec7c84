"""The exact front of damage against latency, by dynamic programming over latency buckets."""

from __future__ import annotations

import numpy as np

from backend.search.samplers.punchcard.neighbours import Neighbours, no_neighbours
from backend.search.samplers.punchcard.options import BoolArray, FloatArray, IntArray, Options

BUCKETS = 512


def latency_front(
    options: Options,
    damage: FloatArray,
    latency: FloatArray,
    neighbours: Neighbours | None = None,
    *,
    buckets: int = BUCKETS,
) -> IntArray:
    """Candidates of least damage for every latency (papers.md 7.3 step 3, SPDY's programme).

    A Viterbi pass over the layers: the state is (kind of the last option, latency so far in
    buckets), its value the least damage that gets there. Each time is rounded to the nearest
    bucket, so where all times are multiples of a bucket the front is exact; else a point loses no
    more than the best candidate that is faster by half a bucket for each time that was rounded.
    Sums are taken anew from the tables at the end: what is returned is never misjudged.

    Args:
        options: layers and their options.
        damage: (columns,) to be minimised as a sum; may be negative.
        latency: (columns,) milliseconds of each option.
        neighbours: pairwise terms in milliseconds.
        buckets: how finely the range between the fastest and the slowest candidate is cut.

    Returns:
        (points, layers) columns, fastest first; each loses less than the one before it.
    """
    found = neighbours or no_neighbours(options)
    programme = _Programme(options, damage, latency, found, buckets)
    rows = programme.solve()
    return _not_dominated(
        rows, latency[rows].sum(axis=1) + found.sums(rows), damage[rows].sum(axis=1)
    )


class _Programme:
    def __init__(
        self,
        options: Options,
        damage: FloatArray,
        latency: FloatArray,
        neighbours: Neighbours,
        buckets: int,
    ) -> None:
        self._options = options
        self._damage = damage
        self._latency = latency
        self._neighbours = neighbours
        self._kinds = int(neighbours.kind_of.max(initial=0)) + 1
        starts = options.starts
        spans = [latency[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]
        terms = neighbours.terms
        width = sum(float(np.ptp(span)) for span in spans)
        width += sum(float(np.ptp(pair)) for pair in terms)
        self._step = width / max(buckets - 1, 1) or 1.0
        self._extra = [np.round((p - p.min()) / self._step).astype(np.int64) for p in terms]
        self._steps = [np.round((s - s.min()) / self._step).astype(np.int64) for s in spans]
        self._buckets = 1 + sum(int(s.max()) for s in self._steps)
        self._buckets += sum(int(e.max()) for e in self._extra)

    def solve(self) -> IntArray:
        """One candidate for every reachable bucket."""
        layers = len(self._options.layers)
        value = np.full((self._kinds, self._buckets), np.inf)
        choices: list[IntArray] = []
        previous: list[IntArray] = []
        for layer in range(layers):
            if layer == 0:
                arriving = np.full((self._kinds, self._buckets), np.inf)
                arriving[:, 0] = 0.0
                came_from = np.zeros((self._kinds, self._buckets), dtype=np.int64)
            else:
                arriving, came_from = self._arrive(layer, value)
            value, chosen = self._choose(layer, arriving)
            choices.append(chosen)
            previous.append(came_from)
        return self._walk_back(value, choices, previous)

    def _arrive(self, layer: int, value: FloatArray) -> tuple[FloatArray, IntArray]:
        """Least damage before a layer, by the kind it is going to take, and the kind before."""
        extra = self._extra[layer - 1]
        if self._kinds == 1:
            return _shifted(value, int(extra[0, 0])), np.zeros(value.shape, dtype=np.int64)
        best = np.full(value.shape, np.inf)
        came_from = np.zeros(value.shape, dtype=np.int64)
        befores, afters = extra.shape
        for before in range(befores):
            moved = np.stack([_shifted(value[before], int(e)) for e in extra[before]])
            better = moved < best[:afters]
            best[:afters][better] = moved[better]
            came_from[:afters][better] = before
        return best, came_from

    def _choose(self, layer: int, arriving: FloatArray) -> tuple[FloatArray, IntArray]:
        """Least damage after a layer, by the kind it took, and the option it took."""
        start = int(self._options.starts[layer])
        count = int(self._options.sizes[layer])
        kinds = self._neighbours.kind_of[start : start + count]
        value = np.full(arriving.shape, np.inf)
        chosen = np.zeros(arriving.shape, dtype=np.int64)
        for kind in np.unique(kinds):
            members = np.flatnonzero(kinds == kind)
            members = members[self._useful(start, members)]
            source = np.arange(self._buckets) - self._steps[layer][members][:, None]
            reached = arriving[kind][np.maximum(source, 0)]
            reached[source < 0] = np.inf
            reached += self._damage[start + members][:, None]
            best = reached.argmin(axis=0)
            value[kind] = np.take_along_axis(reached, best[None], axis=0)[0]
            chosen[kind] = start + members[best]
        return value, chosen

    def _useful(self, start: int, members: IntArray) -> BoolArray:
        """Options of one kind that none of the same kind beats in both tables."""
        ms, lost = self._latency[start + members], self._damage[start + members]
        order = np.lexsort((lost, ms))
        before = np.minimum.accumulate(np.concatenate([[np.inf], lost[order][:-1]]))
        keep = np.zeros(members.size, dtype=bool)
        keep[order[lost[order] < before]] = True
        return keep

    def _walk_back(
        self, value: FloatArray, choices: list[IntArray], previous: list[IntArray]
    ) -> IntArray:
        kind = value.argmin(axis=0)
        bucket = np.flatnonzero(np.isfinite(value.min(axis=0)))
        kind = kind[bucket]
        rows = np.zeros((bucket.size, len(choices)), dtype=np.int64)
        for layer in range(len(choices) - 1, -1, -1):
            rows[:, layer] = choices[layer][kind, bucket]
            start = int(self._options.starts[layer])
            bucket = bucket - self._steps[layer][rows[:, layer] - start]
            if layer:
                before = previous[layer][kind, bucket]
                bucket = bucket - self._extra[layer - 1][before, kind]
                kind = before
        return rows


def _shifted(values: FloatArray, steps: int) -> FloatArray:
    """Values moved up the last axis; what comes in is unreachable."""
    if steps == 0:
        return values
    moved = np.full(values.shape, np.inf)
    if steps < values.shape[-1]:
        moved[..., steps:] = values[..., :-steps]
    return moved


def _not_dominated(rows: IntArray, latency: FloatArray, damage: FloatArray) -> IntArray:
    order = np.lexsort((damage, latency))
    before = np.minimum.accumulate(np.concatenate([[np.inf], damage[order][:-1]]))
    return rows[order[damage[order] < before]]
