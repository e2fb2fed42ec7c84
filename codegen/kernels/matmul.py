"""Products of matrices that are both computed, or of any batch."""

from codegen.kernels.microkernel import Family, Field

MATMUL = Family(
    name="matmul",
    unit="blocks of rows, each within one matrix of the batch",
    fields=(
        Field("left", "const float *", "[row][depth] of the first matrix"),
        Field("right", "const float *", "[depth][column] of the first matrix"),
        Field("output", "float *", "[matrix][row][column]"),
        Field("left_starts", "const int32_t *", "[matrix]: elements before it"),
        Field("right_starts", "const int32_t *", "[matrix]: elements before it"),
        Field("rows", "int", "of a matrix"),
        Field("columns", "int", "of a matrix"),
        Field("depth", "int", "length of the sums"),
    ),
    tiles={32: ((6, 4),), 16: ((4, 2),)},
)
