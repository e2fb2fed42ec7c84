"""Convolution of kernels that hold up to four weights each, filter by filter: FKW."""

from codegen.kernels.microkernel import Family, Field

MOST_FILTERS = 96
"""Filters of a block: their sums for one tile stay in the level-1 cache (kernels.md 5.3)."""

ENTRIES = 4
"""Weights of a kernel; kernels with fewer are filled up with zeros."""

PATTERN_CONV = Family(
    name="conv_pattern",
    unit="vectors of flat positions",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of the planes that offsets count from"),
        Field("residual", "const float *", "added before the activation; lies as the output does"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("mask", "const int32_t *", "per position: all ones inside the picture, zero outside"),
        Field("starts", "const int32_t *", "first run of each block, then their total"),
        Field("runs", "const int32_t *", "[run][5]: four offsets, and how many kernels share them"),
        Field("filters", "const uint16_t *", "[kernel]: filter within its block"),
        Field("weights", "const float *", "[kernel][4]"),
        Field("bias", "const float *", "[filter]"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("filter_count", "int", "filters of the layer"),
        Field("width", "int", "vectors in a full tile"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    # 4 x vectors inputs stay in registers for a run, beside sums and weights.
    tiles={32: ((1, 4),), 16: ((1, 2),)},
    padding="by taps",
    fills_rows=True,
)
