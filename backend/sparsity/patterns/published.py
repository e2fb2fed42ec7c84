"""Pattern sets found in the public pruning code of the papers' authors: masks, as facts.

Not all of these patterns keep the centre weight, though the papers' universe of 56 does.
"""

from __future__ import annotations

from backend.sparsity.patterns.pattern_set import PatternSet, parse_pattern

_EIGHT = (
    "000/011/011 000/110/110 011/011/000 110/110/000 000/001/111 000/111/010 010/011/010 "
    "010/110/010"
)
_TWELVE = (
    "110/110/000 010/111/000 000/110/011 000/111/001 100/111/000 000/111/010 111/010/000 "
    "000/011/110 011/000/011 000/110/110 001/111/000 111/000/001"
)
_TWENTY_ONE = (
    # the cross without its centre; a column and one corner; a row and one corner; the same
    # lines bent; the four SCPs
    "010/101/010 010/010/011 000/111/100 110/010/010 001/111/000 010/010/110 100/111/000 "
    "011/010/010 000/111/001 100/110/010 011/110/000 010/011/001 000/011/110 001/011/010 "
    "000/110/011 010/110/100 110/011/000 010/111/000 010/011/010 000/111/010 010/110/010"
)


def _published(name: str, text: str, note: str) -> PatternSet:
    return PatternSet(name, tuple(parse_pattern(word) for word in text.split()), note)


PUBLISHED: tuple[PatternSet, ...] = (
    _published(
        "authors-8",
        _EIGHT,
        "8 patterns of the authors' public code: four 2x2 corners, three SCPs, one of a row",
    ),
    _published("authors-12", _TWELVE, "12 patterns of the authors' public code, 2 without centre"),
    _published(
        "authors-21",
        _TWENTY_ONE,
        "21 patterns of the authors' public code for phones: the four SCPs among them",
    ),
)
