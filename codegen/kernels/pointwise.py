"""Elementwise operations on planes that lie alike, and on any shapes that broadcast."""

from codegen.kernels.microkernel import Family, Field

_ANY = {32: ((1, 1),), 16: ((1, 1),)}

_MASK = Field("mask", "const int32_t *", "per position: all ones inside the picture, zero outside")

UNARY = Family(
    name="unary",
    unit="planes",
    fields=(
        Field("input", "const float *", "element (0, 0, 0)"),
        Field("output", "float *", "element (0, 0, 0); may be the input"),
        _MASK,
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("vectors", "int", "vectors of flat positions"),
        Field("alpha", "float", "slope of an activation, or the low end of a clip"),
        Field("beta", "float", "offset of a gate, or the high end of a clip"),
    ),
    tiles=_ANY,
    fills_rows=True,
)

BINARY = Family(
    name="binary",
    unit="planes",
    fields=(
        Field("left", "const float *", "element (0, 0, 0)"),
        Field("right", "const float *", "element (0, 0, 0), or one value a plane"),
        Field("output", "float *", "element (0, 0, 0); may be an input"),
        _MASK,
        Field("left_plane", "ptrdiff_t", "elements between planes"),
        Field("right_plane", "ptrdiff_t", "elements between planes"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("vectors", "int", "vectors of flat positions"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles=_ANY,
    fills_rows=True,
)

BROADCAST = Family(
    name="broadcast",
    unit="rows of the last axis",
    fields=(
        Field("left", "const float *", "first element"),
        Field("right", "const float *", "first element"),
        Field("output", "float *", "first element; no gaps"),
        Field("sizes", "const int32_t *", "[axis]: extent of the output"),
        Field("left_strides", "const int32_t *", "[axis]: in elements, 0 where it is repeated"),
        Field("right_strides", "const int32_t *", "[axis]: in elements, 0 where it is repeated"),
        Field("axes", "int", "at least one; the last stride of an operand is 0 or 1"),
        Field("alpha", "float", "slope of an activation"),
    ),
    tiles=_ANY,
)
