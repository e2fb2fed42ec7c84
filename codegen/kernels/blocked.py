"""Convolutions over blocks of channels: a vector is as many filters at one pixel."""

from codegen.kernels.microkernel import Advance, Cut, Family, Field

# Large maps: each thread has rows of its own through all layers. A pixel is a line, so that no
# line is shared. Small ones have more weights than pixels: each thread takes some of the filters.
_ROWS = Cut(
    count="height",
    items=(
        Advance("input", "input_row"),
        Advance("residual", "residual_row"),
        Advance("output", "output_row"),
    ),
    least_items=20,
    unless="pair",
)

BLOCKED_CONV = Family(
    name="conv_blocked",
    unit="tiles of pixels, for each group of filter blocks",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of what offsets count from"),
        Field("residual", "const float *", "added before the activation, or NULL"),
        Field("output", "float *", "element (0, 0, 0) of the first block"),
        Field("starts", "const int32_t *", "first weights of each group, then their total"),
        Field("firsts", "const int32_t *", "[group]: first of its offsets"),
        Field("offsets", "const int32_t *", "from a pixel to the element that is read for it"),
        Field("weights", "const float *", "[offset][block of the group][lane]"),
        Field("bias", "const float *", "[group][block of the group][lane]"),
        Field("input_row", "ptrdiff_t", "elements between what two rows of output read"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between blocks"),
        Field("residual_row", "ptrdiff_t", "elements between rows"),
        Field("residual_plane", "ptrdiff_t", "elements between blocks"),
        Field("groups", "int", "number of groups"),
        Field("height", "int", "rows of the output"),
        Field("width", "int", "columns of the output"),
        Field("columns", "int", "columns of a full tile"),
        Field("keeps_weights", "int", "whether a group visits all tiles before the next does"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    # (blocks of filters, pixels): sums, one weight vector a block and a pixel fill the registers.
    # On a core of two 64-byte FMAs a cycle 2 x 14 and 3 x 8 reach 84 to 88 % of peak, one block
    # 62 to 69 %: a broadcast then serves a single product.
    tiles={32: ((2, 14), (3, 8), (1, 14)), 16: ((2, 6), (1, 12))},
    padding="by taps",
    cut=_ROWS,
)

BLOCKED_DEPTHWISE = Family(
    name="depthwise_blocked",
    unit="rows of all blocks",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of what offsets count from"),
        Field("residual", "const float *", "added before the activation, or NULL"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("offsets", "const int32_t *", "[tap]: from a pixel to what is read for it"),
        Field("weights", "const float *", "[block][tap][lane]"),
        Field("bias", "const float *", "[block][lane]"),
        Field("input_row", "ptrdiff_t", "elements between what two rows of output read"),
        Field("input_plane", "ptrdiff_t", "elements between blocks"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between blocks"),
        Field("residual_row", "ptrdiff_t", "elements between rows"),
        Field("residual_plane", "ptrdiff_t", "elements between blocks"),
        Field("taps", "int", "weights of a channel"),
        Field("height", "int", "rows of the output"),
        Field("width", "int", "columns of the output"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles={32: ((1, 14),), 16: ((1, 8),)},
    padding="by taps",
    cut=_ROWS,
)

INTERLEAVE = Family(
    name="interleave",
    unit="blocks of channels",
    fields=(
        Field("input", "const float *", "element (0, 0, 0); whole vectors may be read of planes"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("plane", "ptrdiff_t", "elements between planes"),
        Field("row", "ptrdiff_t", "elements between rows of a plane"),
        Field("block_plane", "ptrdiff_t", "elements between blocks of channels"),
        Field("block_row", "ptrdiff_t", "elements between rows of a block"),
        Field("channels", "int", "number of planes"),
        Field("first_row", "int", "first row copied"),
        Field("height", "int", "rows copied"),
        Field("width", "int", "columns"),
    ),
    tiles={32: ((1, 1),), 16: ((1, 1),)},
    padding="unused",
    fills_rows="back",
    cut=Cut(count="height", items=(Advance("first_row"),), least_row="row"),
)
"""Copies planes to blocks of channels, or back."""

EXPAND_DEPTHWISE = Family(
    name="expand_depthwise",
    unit="bands of output rows, for each group of channel blocks",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of what the 1x1 convolution reads"),
        Field("band", "float *", "room for what it makes: the calling thread's alone"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("starts", "const int32_t *", "first weights of each group, then their total"),
        Field("firsts", "const int32_t *", "[group]: first of its offsets"),
        Field("offsets", "const int32_t *", "from a pixel to the element that is read for it"),
        Field("weights", "const float *", "[offset][block of the group][lane]"),
        Field("bias", "const float *", "[group][block of the group][lane]"),
        Field("depth_offsets", "const int32_t *", "[tap]: from a pixel of the band to another"),
        Field("depth_weights", "const float *", "[block][tap][lane]"),
        Field("depth_bias", "const float *", "[block][lane]"),
        Field("input_row", "ptrdiff_t", "elements between rows of the input"),
        Field("guard", "ptrdiff_t", "elements of the band before its first pixel"),
        Field("band_row", "ptrdiff_t", "elements between rows of the band"),
        Field("output_plane", "ptrdiff_t", "elements between blocks of the band"),
        Field("depth_row", "ptrdiff_t", "elements between rows of the output"),
        Field("depth_plane", "ptrdiff_t", "elements between blocks of the output"),
        Field("input_height", "int", "rows of the input"),
        Field("input_width", "int", "columns of the input"),
        Field("height", "int", "rows of the output"),
        Field("width", "int", "columns of the output"),
        Field("columns", "int", "columns of a full tile of the 1x1 convolution"),
        Field("rows", "int", "rows of output that a band serves"),
        Field("top", "int", "rows of padding above"),
        Field("reach", "int", "rows of input behind the first that one row of output reads"),
        Field("taps", "int", "weights of a channel"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles=BLOCKED_CONV.tiles,
    padding="unused",
)
"""A 1x1 convolution and the depthwise one behind it: what lies between stays in the cache."""
