"""Candidates among which a proposal is chosen: exact fronts of draws, mutants, crossovers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.search.samplers.punchcard.belief import Belief
from backend.search.samplers.punchcard.latency_front import latency_front
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options

WEIGHTS = 48
"""Trade-offs of a front where there are not two objectives."""


def exact_front(options: Options, beliefs: Sequence[Belief], draw: int | None) -> IntArray:
    """The front of one draw of all effects, or of their means where `draw` is None.

    Two objectives: dynamic programming, the second one in the role of latency. One: the best of
    each layer. More: the best for each of fixed trade-offs.
    """
    effects = [belief.mean if draw is None else belief.effects[draw] for belief in beliefs]
    if len(effects) == 2:
        return latency_front(options, effects[0], effects[1], beliefs[1].neighbours)
    if len(effects) == 1:
        return best_of_layers(options, effects[0])[None]
    random = np.random.default_rng(len(effects))
    sizes = [float(np.std(effect)) or 1.0 for effect in effects]
    mixes = random.dirichlet(np.ones(len(effects)), size=WEIGHTS) / sizes
    return np.stack([best_of_layers(options, mix @ np.stack(effects)) for mix in mixes])


def best_of_layers(options: Options, effect: FloatArray) -> IntArray:
    """The candidate of least summed effect (layers,)."""
    starts, layers = options.starts, len(options.layers)
    return np.array(
        [starts[i] + int(effect[starts[i] : starts[i + 1]].argmin()) for i in range(layers)]
    )


def mutants(
    options: Options, parents: IntArray, count: int, random: np.random.Generator, most: int = 4
) -> IntArray:
    """Parents with one to `most` layers drawn anew: (count, layers)."""
    layers = len(options.layers)
    rows = parents[random.integers(len(parents), size=count)]
    changed = random.random((count, layers)).argsort(axis=1)
    many = random.integers(1, min(most, layers) + 1, size=count)
    fresh = options.draw(random, count)
    for index in range(count):
        places = changed[index, : many[index]]
        rows[index, places] = fresh[index, places]
    return rows


def crossovers(parents: IntArray, count: int, random: np.random.Generator) -> IntArray:
    """Children that take each layer from one of two parents: (count, layers)."""
    first = parents[random.integers(len(parents), size=count)]
    second = parents[random.integers(len(parents), size=count)]
    return np.where(random.random(first.shape) < 0.5, first, second)


def neighbours_of(options: Options, row: IntArray) -> IntArray:
    """A candidate with each layer in turn changed to each other option: (many, layers)."""
    columns = np.setdiff1d(np.arange(options.columns), row)
    rows = np.repeat(row[None], columns.size, axis=0)
    rows[np.arange(columns.size), options.layer_of[columns]] = columns
    return rows
