"""Convolutions and pools of up to three spatial axes at any batch: correct, not tuned."""

from codegen.kernels.microkernel import Family, Field

_ANY = {32: ((1, 1),), 16: ((1, 1),)}

CONV_DIRECT = Family(
    name="conv_direct",
    unit="planes of the output, all images one behind the other",
    fields=(
        Field("input", "const float *", "[image][channel][z][y][x]"),
        Field("output", "float *", "[image][filter][z][y][x]"),
        Field("weights", "const float *", "[filter][channel of its group][z][y][x]"),
        Field("bias", "const float *", "[filter]"),
        Field(
            "geometry",
            "const int32_t *",
            "[axis][6]: input, output, kernel, stride, dilation, padding before",
        ),
        Field("channels", "int", "channels of a group"),
        Field("filters", "int", "filters of all groups"),
        Field("groups", "int", "groups of filters"),
    ),
    tiles=_ANY,
)

POOL_DIRECT = Family(
    name="pool_direct",
    unit="planes of all images",
    fields=(
        Field("input", "const float *", "[plane][z][y][x]"),
        Field("output", "float *", "[plane][z][y][x]"),
        Field(
            "geometry",
            "const int32_t *",
            "[axis][7]: input, output, kernel, stride, dilation, padding before and behind",
        ),
        Field("counts_padding", "int", "whether an average divides by padding too"),
        Field("order", "float", "the p of an Lp pool"),
    ),
    tiles=_ANY,
)
