"""3x3 convolution of stride 1 by Winograd's minimal filtering, channels in the lanes.

Words of its variant: m4 or m6, the edge of a tile of outputs; "in" where the input lies in blocks
of channels, "out" where the output and the residual do; "add" for a residual.
"""

from codegen.kernels.microkernel import Family, Field

WINOGRAD = Family(
    name="winograd",
    unit="tile rows or filter blocks",
    fields=(
        Field("input", "const float *", "element (0, 0, 0)"),
        Field("residual", "const float *", "added before the activation"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field(
            "weights", "const float *", "[point][block of filters][channel][filter], transformed"
        ),
        Field("bias", "const float *", "[filter]"),
        Field("patch", "float *", "scratch: rows of one row of tiles, [row][column][channel]"),
        Field("spread", "float *", "scratch: [point][vector of channels][tile][channel]"),
        Field("product", "float *", "scratch: [point][vector of filters][tile][filter]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("input_row", "ptrdiff_t", "elements between rows"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("output_row", "ptrdiff_t", "elements between rows"),
        Field("residual_plane", "ptrdiff_t", "elements between planes"),
        Field("residual_row", "ptrdiff_t", "elements between rows"),
        Field("channels", "int", "channels of the input, whole vectors"),
        Field("filters", "int", "filters, whole vectors"),
        Field("blocks", "int", "blocks of filters"),
        Field("chunk", "int", "blocks of filters that the scratch holds"),
        Field("input_height", "int", "rows of the input"),
        Field("input_width", "int", "columns of the input"),
        Field("height", "int", "rows of the output"),
        Field("width", "int", "columns of the output"),
        Field("top", "int", "rows of padding above"),
        Field("left", "int", "columns of padding before"),
        Field("tile_rows", "int", "rows of tiles"),
        Field("tile_columns", "int", "tiles in a row"),
        Field("patch_columns", "int", "columns of the patch, whole vectors"),
        Field("block_rows", "int", "rows of tiles that the scratch holds"),
        Field("takes_all_tiles", "int", "whether a thread takes all tiles, for some filters"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    # (tiles, vectors of filters) whose products stay in registers.
    tiles={32: ((12, 2),), 16: ((5, 2),)},
)
