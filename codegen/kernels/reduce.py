"""Sums, largest and least values along one axis."""

from codegen.kernels.microkernel import Family, Field

REDUCE = Family(
    name="reduce",
    unit="vectors of outputs, each within one item of the axes before",
    fields=(
        Field("input", "const float *", "first element; no gaps"),
        Field("output", "float *", "first element; no gaps"),
        Field("length", "int", "extent of the axis"),
        Field("inner", "int", "items of the axes behind it"),
        Field("scale", "float", "what a sum is multiplied by"),
    ),
    tiles={32: ((1, 1),), 16: ((1, 1),)},
)
"""With the variant "row" nothing stands behind the axis: a unit is one output."""
