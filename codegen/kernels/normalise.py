"""Rows with mean 0 and variance 1, then scale and shift; and the response among channels."""

from codegen.kernels.microkernel import Family, Field

_ANY = {32: ((1, 1),), 16: ((1, 1),)}

NORMALISE = Family(
    name="normalise",
    unit="rows",
    fields=(
        Field("input", "const float *", "[row][element]"),
        Field("output", "float *", "[row][element]"),
        Field("gamma", "const float *", "scale: [element], or [row % channels]"),
        Field("beta", "const float *", "shift: as the scale"),
        Field("length", "int", "elements of a row"),
        Field("channels", "int", "after how many rows scales come again"),
        Field("epsilon", "float", "added to the variance"),
    ),
    tiles=_ANY,
)
"""Variant "element" scales each element by its own number, "channel" each row."""

LOCAL_RESPONSE = Family(
    name="local_response",
    unit="planes",
    fields=(
        Field("input", "const float *", "[item][channel][element]"),
        Field("output", "float *", "[item][channel][element]"),
        Field("channels", "int", "of one item"),
        Field("length", "int", "elements of a plane"),
        Field("before", "int", "channels of the window before this one"),
        Field("after", "int", "channels of the window behind this one"),
        Field("scale", "float", "alpha by the size of the window"),
        Field("bias", "float", "added to the scaled sum of squares"),
        Field("beta", "float", "power of the divisor"),
    ),
    tiles=_ANY,
)
