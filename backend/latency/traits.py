"""What of a choice and of its neighbours decides a layer's time: the columns of the regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from backend.sparsity.candidate import BLOCK_SCHEMES, LayerChoice

Column = tuple[str, ...]
Traits = tuple[tuple[Column, float], ...]
"""Column to value; columns that are not named are 0."""

SKIP = "skip"


@dataclass(frozen=True)
class Kind:
    """A choice as its neighbours see it.

    Attributes:
        word: scheme and filter type; it decides how the layer reads and writes its pictures.
        thinning: logarithm of the rate at which whole filters go, for the next layer reads so
            many channels less; 0 where filters stay.
    """

    word: str
    thinning: float = 0.0


EDGE = Kind("edge")
"""What stands before the first searched layer and behind the last."""


@lru_cache(maxsize=65536)
def kind_of(label: str) -> Kind:
    """The kind of a choice by its label."""
    choice = LayerChoice.parse(label)
    word = choice.scheme
    if choice.filter_type != "keep":
        word += f"@{choice.filter_type}"
    if choice.filter_type == SKIP:
        return Kind(f"@{SKIP}")
    thinning = math.log(choice.rate) if choice.scheme == "filter" else 0.0
    return Kind(word, thinning)


@lru_cache(maxsize=65536)
def own_traits(signature: str, label: str) -> Traits:
    """Columns of a choice by itself.

    From coarse to fine, so that ridge regression draws what was seen seldom to what is like it:
    a rate's exponent differs by scheme and filter type, and again by shape.
    """
    choice = LayerChoice.parse(label)
    word, rate = kind_of(label).word, math.log(choice.rate)
    found: list[tuple[Column, float]] = [
        (("shape", signature), 1.0),
        (("kind", word), 1.0),
        (("kind in shape", word, signature), 1.0),
        (("rate", word), rate),
        (("rate in shape", word, signature), rate),
        (("choice", label), 0.7),
    ]
    if choice.scheme in BLOCK_SCHEMES or choice.scheme == "pattern":
        block = "x".join(map(str, choice.block))
        block = f"g{choice.group}" if choice.scheme == "pattern" else block
        found += [
            (("block", word, block), 1.0),
            (("block in shape", word, block, signature), 0.7),
            (("rate of block", word, block), rate),
        ]
    return tuple(found)


@lru_cache(maxsize=65536)
def before_traits(signature: str, word: str, before: Kind) -> Traits:
    """Columns of a choice (its kind's word) in a layer behind a neighbour of some kind."""
    found: list[tuple[Column, float]] = [
        (("behind", before.word, word), 0.7),
        (("behind in shape", before.word, signature), 0.5),
    ]
    if before.thinning:
        found += [
            (("thinned",), before.thinning),
            (("thinned in shape", signature), before.thinning),
            (("thinned kind", word), before.thinning),
            (("thinned kind in shape", word, signature), before.thinning),
            (("thinned at", f"{before.thinning:.3f}", signature), 0.5),
        ]
    return tuple(found)


@lru_cache(maxsize=65536)
def after_traits(signature: str, word: str, after: Kind) -> Traits:
    """Columns of a choice in a layer before a neighbour of some kind: who copies what."""
    return (
        (("before", after.word, word), 0.7),
        (("before in shape", after.word, signature), 0.5),
    )
