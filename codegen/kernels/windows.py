"""Pools, and copies between layouts."""

from codegen.kernels.microkernel import Advance, Cut, Family, Field

_ANY = {32: ((1, 1),), 16: ((1, 1),)}

POOL = Family(
    name="pool",
    unit="channels",
    fields=(
        Field("input", "const float *", "element (0, 0, 0)"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("input_height", "int", "rows of the input"),
        Field("input_width", "int", "columns of the input"),
        Field("output_height", "int", "rows of the output"),
        Field("output_width", "int", "columns of the output"),
        Field("kernel_y", "int", "rows of the window"),
        Field("kernel_x", "int", "columns of the window"),
        Field("stride_y", "int", "rows between windows"),
        Field("stride_x", "int", "columns between windows"),
        Field("top", "int", "rows of padding above"),
        Field("left", "int", "columns of padding before"),
        Field("bottom", "int", "rows of padding that an average counts below"),
        Field("right", "int", "columns of padding that an average counts behind"),
        Field("counts_padding", "int", "whether an average divides by padding too"),
    ),
    tiles=_ANY,
    padding="unused",
)

GLOBAL_POOL = Family(
    name="global_pool",
    unit="channels",
    fields=(
        Field("input", "const float *", "element (0, 0, 0); padding is zero"),
        Field("output", "float *", "[channel]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("vectors", "int", "vectors of flat positions"),
        Field("scale", "float", "one over the number of elements"),
    ),
    tiles=_ANY,
)

SPLIT = Family(
    name="split",
    unit="channels",
    fields=(
        Field("input", "const float *", "first element of the phase; whole vectors may be read"),
        Field("output", "float *", "element (0, 0, 0); padding stays zero"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between the rows taken"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("first_row", "int", "first row written"),
        Field("rows", "int", "rows written"),
        Field("height", "int", "rows that are taken; those behind become zero"),
        Field("taken", "int", "columns taken"),
        Field("width", "int", "columns written; those not taken become zero"),
    ),
    cut=Cut(count="rows", items=(Advance("first_row"),), least_row="output_row"),
    fills_rows=True,
    tiles=_ANY,
    padding="unused",
)
"""Every second column of planes, a vector at a time: the phases of a convolution of stride 2."""

COLUMNS = Family(
    name="columns",
    unit="planes",
    fields=(
        Field("input", "const float *", "first element taken; whole vectors may be read"),
        Field("output", "float *", "rows without gaps; whole vectors may be written"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("height", "int", "rows taken"),
        Field("width", "int", "columns taken"),
    ),
    tiles=_ANY,
)
"""Planes without their pad columns: what a column of a kernel's taps reads on small maps."""

REPACK = Family(
    name="repack",
    unit="channels",
    fields=(
        Field("input", "const float *", "first plane"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("start", "ptrdiff_t", "element that output (0, 0) would come from"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between the rows taken"),
        Field("input_step", "ptrdiff_t", "elements between the columns taken"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("height", "int", "rows written"),
        Field("width", "int", "columns written"),
        Field("y_begin", "int", "first row that comes from the input"),
        Field("y_end", "int", "end of those rows"),
        Field("x_begin", "int", "first column that comes from the input"),
        Field("x_end", "int", "end of those columns"),
        Field("fill", "float", "what all others are"),
    ),
    tiles=_ANY,
    padding="unused",
)

CLEAR = Family(
    name="clear",
    unit="planes",
    fields=(
        Field("output", "float *", "first element of the buffer"),
        Field("guard", "ptrdiff_t", "elements before the first plane"),
        Field("plane", "ptrdiff_t", "elements between planes"),
        Field("row", "ptrdiff_t", "elements between rows"),
        Field("height", "int", "rows of a plane"),
        Field("width", "int", "elements of a row, which stay as they are"),
        Field("open_planes", "int", "the first planes, between whose rows no step writes zeros"),
    ),
    tiles=_ANY,
    padding="unused",
)
"""Zeros around the rows of planes, where a buffer takes room that others have written."""
