"""Dense depthwise convolution by strips of rows that stay in registers."""

from __future__ import annotations

from codegen.kernels.microkernel import Advance, Cut, Family, Field

_KERNELS = (3, 5, 7)
_STRIDES = (1, 2)


def fits_depthwise_rows(
    kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> bool:
    """Whether a microkernel is made for (rows, columns) of a kernel, its strides and dilations.

    A kernel's size and stride are words of the microkernel's variant.
    """
    square = kernel[0] == kernel[1] and stride[0] == stride[1]
    return square and kernel[0] in _KERNELS and stride[0] in _STRIDES and dilation == (1, 1)


DEPTHWISE_ROWS = Family(
    name="depthwise_rows",
    unit="channels",
    fields=(
        Field("input", "const float *", "what weight (0, 0) reads for position (0, 0)"),
        Field("residual", "const float *", "added before the activation; lies as the output does"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("weights", "const float *", "[channel][row][column]"),
        Field("bias", "const float *", "[channel]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("height", "int", "rows of the output"),
        Field("width", "int", "columns of the output"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    # Rows of a strip; a strip of the rows left halves them. Maps of 7, 14 .. 112 rows divide by 7.
    tiles={32: ((7, 1),), 16: ((4, 1),)},
    cut=Cut(
        count="height",
        items=(
            Advance("input", "input_row", "s"),
            Advance("residual", "output_row"),
            Advance("output", "output_row"),
        ),
        least_row="width",
    ),
)
