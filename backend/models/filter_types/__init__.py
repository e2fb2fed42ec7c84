"""What may stand in a layer's place: one file each, one line in `registry.py`. Needs no torch."""

from backend.models.filter_types.filter_type import FilterType, Layer, Piece
from backend.models.filter_types.legality import why_illegal_filter_type
from backend.models.filter_types.registry import FILTER_TYPES
from backend.models.filter_types.replacement import (
    part_names,
    replace_filter_types,
    why_illegal_choice,
)

__all__ = [
    "FILTER_TYPES",
    "FilterType",
    "Layer",
    "Piece",
    "part_names",
    "replace_filter_types",
    "why_illegal_choice",
    "why_illegal_filter_type",
]
