"""Patterns of 3x3 kernels as a word in a microkernel's name: three hexadecimal digits each."""

from __future__ import annotations

from collections.abc import Iterable

SIDE = 3
"""Rows and columns of a kernel."""

_PREFIX = "of"
_DIGITS = 3


def pattern_word(masks: Iterable[int]) -> str:
    """The word; bit `3 * row + column` of a mask is set where the pattern has a weight."""
    return _PREFIX + "".join(f"{mask:0{_DIGITS}x}" for mask in masks)


def masks_of(variant: tuple[str, ...]) -> tuple[int, ...]:
    """Masks of the word among a variant's."""
    word = next(word for word in variant if word.startswith(_PREFIX)).removeprefix(_PREFIX)
    return tuple(int(word[start : start + _DIGITS], 16) for start in range(0, len(word), _DIGITS))
