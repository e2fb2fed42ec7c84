"""Dense convolution over planes: filters outside, so that outputs are written as they lie."""

from codegen.kernels.microkernel import Family, Field

DENSE_CONV = Family(
    name="conv_dense",
    unit="vectors of flat positions",
    fields=(
        Field("input", "const float *", "element (0, 0, 0) of the planes that taps count from"),
        Field("residual", "const float *", "added before the activation; lies as the output does"),
        Field("output", "float *", "element (0, 0, 0)"),
        Field("mask", "const int32_t *", "per position: all ones inside the picture, zero outside"),
        Field("taps", "const int32_t *", "[tap]: from a position to what is read of channel 0"),
        Field("weights", "const float *", "[group][channel][tap][filter of the group]"),
        Field("bias", "const float *", "[group][filter of the group]"),
        Field("input_plane", "ptrdiff_t", "elements between planes"),
        Field("output_plane", "ptrdiff_t", "elements between planes"),
        Field("channels", "int", "channels of the input"),
        Field("tap_count", "int", "weights of a kernel"),
        Field("filters", "int", "filters; the last group is filled up with zeros"),
        Field("block", "int", "vectors that all filters take before the next ones"),
        Field("alpha", "float", "slope of a leaky relu"),
    ),
    tiles={32: ((8, 3),), 16: ((4, 3),)},
)
