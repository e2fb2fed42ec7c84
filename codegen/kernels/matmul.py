"""Products of matrices that are both computed, or of any batch."""

from codegen.kernels.microkernel import Family, Field

MATMUL = Family(
    name="matmul",
    unit="blocks of rows, each within one matrix of the batch",
    fields=(
        Field("left", "const float *", "[row][depth] of the first matrix"),
        Field("right", "const float *", "[depth][column] of the first matrix, or stripes of it"),
        Field("output", "float *", "[matrix][row][column]"),
        Field("left_starts", "const int32_t *", "[matrix]: elements before it"),
        Field("right_starts", "const int32_t *", "[matrix]: elements before it"),
        Field("rows", "int", "of a matrix"),
        Field("columns", "int", "of a matrix"),
        Field("depth", "int", "length of the sums"),
        Field("right_step", "ptrdiff_t", "elements of the right one between steps of the depth"),
        Field("right_stripe", "ptrdiff_t", "elements of the right one between stripes of columns"),
    ),
    tiles={32: ((6, 4),), 16: ((4, 2),)},
)
"""A stripe is as many columns as a tile is wide. A constant right operand is stored stripe by
stripe, so that the innermost loop reads one line after another."""
