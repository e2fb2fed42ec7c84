"""Depthwise convolution: every channel has its own weights; those that are zero are left out."""

from codegen.kernels.microkernel import Family, Field

DEPTHWISE_CONV = Family(
    name="conv_depthwise",
    unit="channels",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of the planes that offsets count from"),
        Field("residual", "const float *", "added before the activation; lies as the output does"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("mask", "const int32_t *", "per position: all ones inside the picture, zero outside"),
        Field("offsets", "const int32_t *", "[tap]: from a position to what is read for it"),
        Field("starts", "const int32_t *", "first weight of each channel, then their total"),
        Field("taps", "const uint16_t *", "[weight]: its tap"),
        Field("weights", "const float *", "[weight]"),
        Field("bias", "const float *", "[channel]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("vectors", "int", "vectors of flat positions"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles={32: ((1, 8),), 16: ((1, 4),)},
    fills_rows=True,
)
