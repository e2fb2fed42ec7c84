"""Copies of any rank: transposes, slices, repetitions, joins and every other movement."""

from codegen.kernels.microkernel import Family, Field

STRIDED_COPY = Family(
    name="strided_copy",
    unit="rows, along all axes but the last",
    fields=(
        Field("input", "const float *", "first element"),
        Field("output", "float *", "first element"),
        Field("axes", "const int32_t *", "[axis][3]: extent, input step and output step in floats"),
        Field("count", "int", "number of axes, at least two"),
    ),
    tiles={32: ((1, 1),), 16: ((1, 1),)},
)
