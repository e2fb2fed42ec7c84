"""Fully connected layer: blocks of outputs that share the inputs they read."""

from dataclasses import replace

from codegen.kernels.microkernel import Family, Field

_FIELDS = (
    Field("input", "const float *", "[input]"),
    Field("output", "float *", "[output], rounded up to whole blocks"),
    Field("starts", "const int32_t *", "first row of each block, then their total"),
    Field("indices", "const uint16_t *", "[row]: which input it multiplies"),
    Field("weights", "const float *", "[row][output of the block]"),
    Field("bias", "const float *", "[output], rounded up to whole blocks"),
    Field("alpha", "float", "slope of a leaky relu"),
)

# (parts that a vector is cut into, vectors): half a vector for blocks of as few outputs.
_TILES = {32: ((1, 1), (1, 2), (1, 4), (2, 1)), 16: ((1, 1), (1, 2), (1, 4), (2, 1))}

LEAST_LANES = 4
"""Narrower vectors than this are not cut."""

LINEAR = Family(
    name="linear",
    unit="blocks of outputs",
    fields=_FIELDS,
    tiles=_TILES,
    balance="starts",
    unit_work=8,
)

LINEAR_WIDE = Family(
    name="linear_wide",
    unit="blocks of outputs",
    fields=tuple(
        replace(field, type="const int32_t *") if field.name == "indices" else field
        for field in _FIELDS
    ),
    tiles=_TILES,
    balance="starts",
    unit_work=8,
)
"""The same for more inputs than 16 bits can count."""
