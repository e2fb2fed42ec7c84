"""Each element of one axis as a weighted sum of a few others: resizing, and gathering."""

from codegen.kernels.microkernel import Family, Field

RESAMPLE = Family(
    name="resample",
    unit="rows of all planes",
    fields=(
        Field("input", "const float *", "first element"),
        Field("output", "float *", "first element"),
        Field("indices", "const int32_t *", "[tap][position]: element of the row"),
        Field("weights", "const float *", "[tap][position]; NULL where one tap is taken as it is"),
        Field("outside", "const int32_t *", "[position]: whether it is filled; NULL where none is"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("output_step", "ptrdiff_t", "elements between positions of the axis"),
        Field("rows", "int", "rows of a plane"),
        Field("length", "int", "positions of the output's axis"),
        Field("inner", "int", "neighbouring elements at each position"),
        Field("taps", "int", "taps of a position"),
        Field("fill", "float", "value of positions outside"),
    ),
    tiles={32: ((1, 1),), 16: ((1, 1),)},
    padding="unused",
)
