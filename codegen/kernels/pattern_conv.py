"""Convolution of kernels that hold up to four weights each, filter by filter: FKW.

Both families keep the sums of a block of filters in the level-1 cache and take the inputs of a
pattern from registers for all kernels of a run. They differ in what a processor has room for.
"""

from codegen.kernels.microkernel import Family, Field

ENTRIES = 4
"""Weights of a kernel; kernels with fewer are filled up with zeros."""

CHANNEL_BLOCK = 16
"""Channels whose runs are sorted by length together: their inputs stay in the level-1 cache."""

MOST_TABLE_PATTERNS = 12
"""Patterns that a microkernel holds in its code; layers with more take them as data."""

_SUM_BYTES = 32768


def most_filters(vectors: int, lanes: int) -> int:
    """Filters of a block, so that their sums for one tile fit into the level-1 cache."""
    return min(256, _SUM_BYTES // (4 * lanes * vectors))


_SHARED = (
    Field("input", "const float *", "element (0, 0, 0) of the planes that offsets count from"),
    Field("residual", "const float *", "added before the activation; lies as the output does"),
    Field("output", "float *", "element (0, 0, 0)"),
    Field("mask", "const int32_t *", "per position: all ones inside the picture, zero outside"),
)

_KERNELS = (
    Field("filters", "const uint8_t *", "[kernel]: filter within its block"),
    Field("weights", "const float *", "[kernel][4]"),
    Field("bias", "const float *", "[filter]"),
    Field("input_plane", "ptrdiff_t", "elements between planes"),
    Field("output_plane", "ptrdiff_t", "elements between planes"),
    Field("channels", "int", "input channels"),
    Field("filter_count", "int", "filters of the layer"),
    Field("block", "int", "filters of a block"),
    Field("width", "int", "vectors in a full tile"),
    Field("alpha", "float", "slope of a leaky relu"),
)

RUN_CONV = Family(
    name="conv_runs",
    unit="vectors of flat positions",
    fields=(
        *_SHARED,
        Field("taps", "const int32_t *", "[pattern][4]: from a position to what is read for it"),
        Field("planes", "const int32_t *", "[channel of a block]: elements to its plane"),
        Field("classes", "const uint16_t *", "[block][channels]: lengths, their kernels and runs"),
        Field("runs", "const uint8_t *", "[run][2]: channel within its block, pattern"),
        *_KERNELS,
    ),
    # 4 x vectors inputs stay in registers for a run, beside sums and weights.
    tiles={32: ((1, 5),), 16: ((1, 3),)},
    padding="by taps",
    fills_rows=True,
)
"""Patterns are data, runs are sorted by length: any patterns, and few registers."""

PATTERN_CONV = Family(
    name="conv_pattern",
    unit="vectors of flat positions",
    fields=(
        *_SHARED,
        Field("taps", "const int32_t *", "[9]: from a position to what is read for it"),
        Field("counts", "const uint8_t *", "[block][channel][pattern]: kernels of a run"),
        *_KERNELS,
    ),
    # 9 x vectors inputs stay in registers for a channel, beside a sum and four weights.
    tiles={32: ((1, 3),)},
    padding="by taps",
    fills_rows=True,
)
"""Patterns of 3x3 kernels are in the code, so that one load of a channel's taps serves them all."""

PATTERN_ROWS = Family(
    name="pattern_rows",
    unit="strips of rows",
    fields=(
        *_SHARED,
        Field("counts", "const uint8_t *", "[block][channel][pattern]: kernels of a run"),
        *(field for field in _KERNELS if field.name != "width"),
        Field("row", "ptrdiff_t", "elements between rows"),
    ),
    # 9 x 3 vectors of inputs, a sum and four weights.
    tiles={32: ((7, 1),)},
    padding="by taps",
    fills_rows=True,
)
"""The same over strips of rows of one vector: more sums for as many inputs, lanes lost at the end
of a row. Maps of 14 rows and columns lose none."""
