"""When the agent learns, and from which episodes."""

from __future__ import annotations

from collections.abc import Iterator

GROWTH = 32


def rounds(first: int, start: int, end: int) -> Iterator[int]:
    """Numbers of finished trials, over `start` up to `end`, after which the table is updated.

    NPAS updates once a round of evaluations. A round is one trial until there are `GROWTH` of
    them and grows with the study from there, so that a study of 10,000 trials is replayed from
    its storage with some 220 updates.

    Args:
        first: the first update.
        start: number of trials already learnt from.
        end: number of trials there are.
    """
    number = first
    while number <= end:
        if number > start:
            yield number
        number += max(1, number // GROWTH)
