"""What may stand in a layer's place: one file each, one line in `registry.py`. Needs no torch."""

from backend.models.filter_types.composition import composed
from backend.models.filter_types.filter_type import FilterType, FloatArray, Layer, Piece
from backend.models.filter_types.legality import layer_of, why_illegal_filter_type
from backend.models.filter_types.part_choices import part_choices
from backend.models.filter_types.registry import FILTER_TYPES
from backend.models.filter_types.replacement import (
    part_choices_of,
    part_names,
    replace_filter_types,
    replaced_parts,
    why_illegal_choice,
)

__all__ = [
    "FILTER_TYPES",
    "FilterType",
    "FloatArray",
    "Layer",
    "Piece",
    "composed",
    "layer_of",
    "part_choices",
    "part_choices_of",
    "part_names",
    "replace_filter_types",
    "replaced_parts",
    "why_illegal_choice",
    "why_illegal_filter_type",
]
