"""Each element of one axis as a weighted sum of a few others: resizing, and gathering."""

from codegen.kernels.microkernel import Family, Field

RESAMPLE = Family(
    name="resample",
    unit="planes",
    fields=(
        Field("input", "const float *", "first element"),
        Field("output", "float *", "first element"),
        Field("starts", "const int32_t *", "[position]: its first tap; then their total"),
        Field("indices", "const int32_t *", "[tap]: position of the input"),
        Field("weights", "const float *", "[tap]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between rows"),
        Field("input_step", "ptrdiff_t", "elements between positions of the axis"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("output_step", "ptrdiff_t", "elements between positions of the axis"),
        Field("rows", "int", "rows of a plane"),
        Field("length", "int", "positions of the output's axis"),
        Field("inner", "int", "neighbouring elements at each position"),
        Field("fill", "float", "value of a position without taps"),
    ),
    tiles={32: ((1, 1),), 16: ((1, 1),)},
)
