"""Exponentials along one axis that sum to one, or their logarithms."""

from codegen.kernels.microkernel import Family, Field

SOFTMAX = Family(
    name="softmax",
    unit="vectors of items behind the axis, each within one item of the axes before",
    fields=(
        Field("input", "const float *", "first element; no gaps"),
        Field("output", "float *", "first element; no gaps"),
        Field("length", "int", "extent of the axis that sums to one"),
        Field("inner", "int", "items of the axes behind it"),
    ),
    tiles={32: ((1, 1),), 16: ((1, 1),)},
)
"""With the variant "row" nothing stands behind the axis: a unit is one row."""
