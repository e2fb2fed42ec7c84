"""Depthwise convolution: every channel has its own weights and all share the offsets."""

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
        Field("weights", "const float *", "[channel][tap]"),
        Field("bias", "const float *", "[channel]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("taps", "int", "weights of a channel"),
        Field("vectors", "int", "vectors of flat positions"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles={32: ((1, 8),), 16: ((1, 4),)},
    fills_rows=True,
)
