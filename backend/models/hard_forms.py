"""Operations that need exponentials, and the hard form that stands in for each. Needs no torch.

NPAS (Li et al., CVPR 2021), phase 1, names sigmoid and swish; the others follow the same rule: of
the pointwise functions that the compiler takes, the cheap one that is nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codegen.ir.node import AttrValue
from codegen.ir.ops import GATE

_NO_LIMIT = 3.4028234663852886e38
"""The largest fp32 number: a clip with one limit."""


@dataclass(frozen=True)
class HardForm:
    """One row: what replaces an operation, and how far from it that is.

    Attributes:
        op: operation of the IR that stands instead.
        attrs: its attributes, where they are not the defaults.
        scales_with_alpha: attributes that are multiplied by the replaced operation's `alpha`.
        reason: why this one, for the user.
        max_error: largest difference for x in -8 to 8 (and alpha 1).
        rms_error: root mean square of the difference where x is standard normal, as behind a
            batch norm.
    """

    op: str
    reason: str
    max_error: float
    rms_error: float
    attrs: Mapping[str, AttrValue] = field(default_factory=dict)
    scales_with_alpha: tuple[str, ...] = ()

    def attrs_for(self, alpha: float) -> dict[str, AttrValue]:
        """The attributes where the replaced operation has this `alpha`."""
        scaled = {key: float(str(self.attrs[key])) * alpha for key in self.scales_with_alpha}
        return {**self.attrs, **scaled}


HARD_FORMS: Mapping[str, HardForm] = {
    "sigmoid": HardForm(
        "hard_sigmoid", "NPAS phase 1; the gate of squeeze and excite", 0.0692, 0.0476, GATE
    ),
    "silu": HardForm("hard_swish", "NPAS phase 1 (swish)", 0.1423, 0.0551),
    "mish": HardForm("hard_swish", "nearer than ReLU", 0.2895, 0.1188),
    "gelu": HardForm("relu", "nearer than hard swish, and free", 0.1700, 0.1268),
    "gelu_tanh": HardForm("relu", "nearer than hard swish, and free", 0.1700, 0.1268),
    "softplus": HardForm("relu", "its limit on both sides", 0.6931, 0.4397),
    "tanh": HardForm(
        "clip", "hard tanh: its slope at 0, its limits", 0.2384, 0.1039, {"low": -1.0, "high": 1.0}
    ),
    "elu": HardForm(
        "clip",
        "cut off at its limit: bounded below as it is",
        0.3679,
        0.1358,
        {"low": -1.0, "high": _NO_LIMIT},
        scales_with_alpha=("low",),
    ),
}
"""Operation to hard form. Softmax, exp, log and erf have none and are left as they are."""
