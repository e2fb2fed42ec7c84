"""How a layer's scheme and rate go to the convolutions that stand in its place.

A single convolution takes them whole. Of several:

- patterns go to the depthwise 3x3 part, at the rate of their set (9 / 4 = 2.25). What a rate asks
  beyond that is connectivity, as in a 3x3 layer; there kernels of a group of filters are removed
  together, here weights of the 1x1 parts: block-punched with blocks of `group` filters by one
  channel at rate / 2.25.
- every other scheme goes to the 1x1 parts, each at the whole rate; the depthwise part, nine weights
  a channel, stays dense.

NPAS (CVPR 2021) gives a layer one scheme and one rate and does not say how a filter type of several
convolutions shares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backend.models.filter_types.filter_type import Piece
from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import ENTRIES, POSITIONS, PatternSet, preset_patterns

_ROUNDING = 1e-5
"""A label stores six digits of a rate."""


def part_choices(
    pieces: Sequence[Piece],
    choice: LayerChoice,
    pattern_sets: Mapping[str, PatternSet] | None = None,
) -> tuple[LayerChoice, ...]:
    """One choice for each piece, with the filter type "keep".

    Args:
        pieces: of the filter type.
        choice: of the layer.
        pattern_sets: by name; the shipped ones when not given. An unknown set counts as one of
            four of nine weights: whoever prunes refuses it.
    """
    whole = replace(choice, filter_type="keep")
    if len(pieces) < 2 or choice.scheme == "dense":
        return (whole,) * len(pieces)
    dense = LayerChoice()
    if choice.scheme != "pattern":
        return tuple(dense if piece.is_spatial else whole for piece in pieces)
    sets = preset_patterns() if pattern_sets is None else pattern_sets
    entries = sets[choice.patterns].entries if choice.patterns in sets else ENTRIES
    least = POSITIONS / entries
    inside = replace(whole, rate=min(choice.rate, round(least, 6)))
    connectivity = dense
    if choice.rate > least * (1 + _ROUNDING):
        connectivity = LayerChoice(
            "block_punched", choice.rate / least, block=(choice.group, 1), balance=choice.balance
        )
    return tuple(inside if piece.is_spatial else connectivity for piece in pieces)
