"""Convolution by groups of filters that share positions; dense, block and pattern layers alike."""

from codegen.kernels.microkernel import Advance, Cut, Family, Field

AHEAD = 8
"""Offsets whose inputs are fetched ahead; so many more stand behind the last one."""

GROUP_CONV = Family(
    name="conv_group",
    unit="vectors of flat positions",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of the planes that offsets count from"),
        Field("residual", "const float *", "added before the activation; lies as the output does"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("mask", "const int32_t *", "per position: all ones inside the picture, zero outside"),
        Field("starts", "const int32_t *", "first offset of each group, then their total"),
        Field(
            "offsets", "const int32_t *", "from a position to what is read for it; some more behind"
        ),
        Field("weights", "const float *", "[offset][filter of the group]"),
        Field("bias", "const float *", "[group][filter of the group]"),
        Field("planes", "const int32_t *", "[group][filter of the group]: element of its plane"),
        Field("groups", "int", "number of groups of filters"),
        Field("width", "int", "vectors in a full tile"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    # Accumulators, inputs and one broadcast weight fill the registers (kernels.md 5.1).
    tiles={
        32: ((8, 3), (4, 6), (2, 8), (1, 8)),
        16: ((8, 1), (4, 3), (2, 4), (1, 6)),
    },
    # One vector of positions cannot be shared. Where it can, sharing positions is faster, as
    # each thread then reads what it wrote itself.
    cut=Cut(
        count="groups",
        items=(Advance("starts"), Advance("bias", "rows"), Advance("planes", "rows")),
        starts="starts",
        entries=(Advance("offsets"), Advance("weights", "rows")),
        most_units=1,
    ),
    unit_work=6,
    padding="by taps",
    fills_rows=True,
)

COMPACT_CONV = Family(
    name="conv_compact",
    unit="groups of filters",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of the planes that offsets count from"),
        Field("residual", "const float *", "added before the activation; lies as the output does"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("starts", "const int32_t *", "first offset of each group, then their total"),
        Field(
            "offsets", "const int32_t *", "from a position to what is read for it; some more behind"
        ),
        Field("weights", "const float *", "[offset][filter of the group]"),
        Field("bias", "const float *", "[group][filter of the group]"),
        Field("planes", "const int32_t *", "[group][filter of the group]: element of its plane"),
        Field("sums", "float *", "[filter of the group][sums_plane]: room for one group"),
        Field("sums_plane", "int", "elements between the sums of filters"),
        Field("vectors", "int", "whole vectors of positions"),
        Field("height", "int", "rows of the output"),
        Field("width", "int", "columns of the output; positions count no others"),
        Field("output_row", "int", "elements between rows of the output"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles=GROUP_CONV.tiles,
    balance="starts",
    unit_work=40,
)
"""The same over positions without pad columns: small maps, where these would waste lanes."""
