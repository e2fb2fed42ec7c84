"""The exact front of damage against latency, by dynamic programming over latency buckets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.search.samplers.punchcard.hypervolume import front_2d
from backend.search.samplers.punchcard.neighbours import Neighbours
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options

BUCKETS = 512


def latency_front(
    options: Options,
    damage: FloatArray,
    latency: FloatArray,
    neighbours: Neighbours | None = None,
    *,
    step: float | None = None,
) -> IntArray:
    """Candidates of least damage for every latency (papers.md 7.3 step 3, SPDY's programme).

    A Viterbi pass over the layers: the state is (option of the last layer, latency so far in
    buckets), its value the least damage that gets there. Options with the same terms towards the
    next layer share a state, so without pairwise terms there is one. An option is left out where
    another one of its layer is at least as good in both tables whatever the neighbours are.

    Each time is rounded to the nearest bucket, so where all times are multiples of a bucket the
    front is exact; else a point loses no more than the best candidate that is faster by half a
    bucket for each time that was rounded. Sums are taken anew from the tables at the end: what is
    returned is never misjudged.

    Args:
        options: layers and their options.
        damage: (columns,) to be minimised as a sum; may be negative.
        latency: (columns,) milliseconds of each option.
        neighbours: pairwise terms in milliseconds.
        step: milliseconds of a bucket; None cuts the range of all candidates into `BUCKETS`.

    Returns:
        (points, layers) columns, fastest first; each loses less than the one before it.
    """
    stages = _stages(options, damage, latency, neighbours, step)
    rows = _walk_back(stages, _passes(stages))
    ms = latency[rows].sum(axis=1)
    if neighbours is not None:
        ms = ms + neighbours.sums(rows)
    return rows[front_2d(ms, damage[rows].sum(axis=1))]


@dataclass(frozen=True)
class _Stage:
    """One layer of the programme.

    Attributes:
        columns: (kept,) the options that are worth a look.
        damage: (kept,) of each.
        steps: (kept,) own time in buckets.
        state: (kept,) state towards the next layer.
        between: (states before, kept) terms with the layer before in buckets.
        buckets: how many buckets there are up to here.
    """

    columns: IntArray
    damage: FloatArray
    steps: IntArray
    state: IntArray
    between: IntArray
    buckets: int


@dataclass(frozen=True)
class _Pass:
    """What a stage leaves: least damage by (state, bucket), the kept option, the state before."""

    value: FloatArray
    chosen: IntArray
    before: IntArray


def _stages(
    options: Options,
    damage: FloatArray,
    latency: FloatArray,
    neighbours: Neighbours | None,
    step: float | None,
) -> list[_Stage]:
    kept = []
    for layer, (a, b) in enumerate(zip(options.starts[:-1], options.starts[1:], strict=True)):
        worst = 0.0 if neighbours is None else neighbours.worst_exchange[layer]
        kept.append(_useful(damage[a:b], latency[a:b], worst))
    times = [latency[s + k] for s, k in zip(options.starts, kept, strict=False)]
    terms = [np.zeros((1, kept[0].size))]
    states = []
    for layer in range(len(kept)):
        if neighbours is None or layer == len(kept) - 1:
            states.append(np.zeros(kept[layer].size, dtype=np.int64))
            term = np.zeros((1, kept[layer + 1].size)) if layer < len(kept) - 1 else None
        else:
            pairs = neighbours.terms[layer][np.ix_(kept[layer], kept[layer + 1])]
            term, state = np.unique(pairs, axis=0, return_inverse=True)
            states.append(state.ravel().astype(np.int64))
        if term is not None:
            terms.append(term)
    width = sum(float(np.ptp(part)) for part in (*times, *terms))
    if step is None:
        step = width / (BUCKETS - 1) or 1.0
    stages = []
    total = 1
    for layer, (mine, time, term) in enumerate(zip(kept, times, terms, strict=True)):
        steps = np.round((time - time.min()) / step).astype(np.int64)
        between = np.round((term - term.min()) / step).astype(np.int64)
        total += int(steps.max() + between.max())
        columns = options.starts[layer] + mine
        stages.append(_Stage(columns, damage[columns], steps, states[layer], between, total))
    return stages


def _useful(damage: FloatArray, latency: FloatArray, worst: FloatArray | float) -> IntArray:
    """Options that no other one replaces at no loss whatever their neighbours are."""
    better = latency[:, None] - latency[None, :] + worst
    lost = damage[:, None] - damage[None, :]
    replaces = (better <= 0) & (lost <= 0)
    # Of two that replace each other the first one stays.
    both = replaces & replaces.T
    replaces &= ~both | (np.arange(damage.size)[:, None] < np.arange(damage.size)[None, :])
    np.fill_diagonal(replaces, False)
    return np.flatnonzero(~replaces.any(axis=0))


def _passes(stages: list[_Stage]) -> list[_Pass]:
    value = np.zeros((1, 1))
    found = []
    for stage in stages:
        arrived = np.full((stage.columns.size, stage.buckets), np.inf)
        before = np.zeros(arrived.shape, dtype=np.int64)
        reach = value.shape[1]
        for state in range(value.shape[0]):
            shift = stage.between[state] + stage.steps
            source = np.arange(stage.buckets) - shift[:, None]
            outside = (source < 0) | (source >= reach)
            moved = value[state][np.where(outside, 0, source)]
            moved[outside] = np.inf
            closer = moved < arrived
            arrived = np.where(closer, moved, arrived)
            before[closer] = state
        arrived += stage.damage[:, None]
        states = int(stage.state.max()) + 1
        value = np.full((states, stage.buckets), np.inf)
        chosen = np.zeros(value.shape, dtype=np.int64)
        for state in range(states):
            members = np.flatnonzero(stage.state == state)
            best = members[arrived[members].argmin(axis=0)]
            chosen[state] = best
            value[state] = arrived[best, np.arange(stage.buckets)]
        found.append(_Pass(value, chosen, before))
    return found


def _walk_back(stages: list[_Stage], passes: list[_Pass]) -> IntArray:
    last = passes[-1].value[0]
    bucket = np.flatnonzero(np.isfinite(last))
    state = np.zeros(bucket.size, dtype=np.int64)
    rows = np.zeros((bucket.size, len(stages)), dtype=np.int64)
    for layer in range(len(stages) - 1, -1, -1):
        stage, one = stages[layer], passes[layer]
        place = one.chosen[state, bucket]
        rows[:, layer] = stage.columns[place]
        state = one.before[place, bucket]
        bucket = bucket - stage.steps[place] - stage.between[state, place]
    return rows
