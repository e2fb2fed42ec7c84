"""C text of the pointwise functions, as statements on a vector `x`."""

from __future__ import annotations

_RELU = "return keep(x, ~(x < 0.0f));"
_HARD_GATE = (
    "const vector gate = x * (1.0f / 6.0f) + 0.5f;",
    "const vector low = keep(gate, ~(gate < 0.0f));",
)
_CLIP_ONE = "choose(low > 1.0f, broadcast(1.0f), low)"

BODIES: dict[str, tuple[str, ...]] = {
    "none": ("return x;",),
    "relu": (_RELU,),
    "relu6": (
        "const vector low = keep(x, ~(x < 0.0f));",
        "return choose(low > 6.0f, broadcast(6.0f), low);",
    ),
    "leaky_relu": ("return choose(x < 0.0f, x * alpha, x);",),
    "clip": (
        "const vector low = choose(x < alpha, broadcast(alpha), x);",
        "return choose(low > beta, broadcast(beta), low);",
    ),
    "sigmoid": ("return 1.0f / (1.0f + exponential(-x));",),
    "hard_sigmoid": (*_HARD_GATE, f"return {_CLIP_ONE};"),
    "silu": ("return x / (1.0f + exponential(-x));",),
    "hard_swish": (*_HARD_GATE, f"return x * {_CLIP_ONE};"),
    "tanh": (
        "const vector twice = exponential(x + x);",
        "const vector large = (twice - 1.0f) / (twice + 1.0f);",
        "/* Near zero the quotient cancels: the odd Taylor series has no such loss. */",
        "const vector square = x * x;",
        "vector sum = broadcast(2.18694885e-2f);",
        "sum = sum * square - 5.39682540e-2f;",
        "sum = sum * square + 1.33333333e-1f;",
        "sum = sum * square - 3.33333333e-1f;",
        "sum = sum * square + 1.0f;",
        "return choose(square < 0.0625f, x * sum, large);",
    ),
}
"""Statements by activation; `alpha` and `beta` are its parameters."""


def activation_function(name: str) -> list[str]:
    """Lines of `static inline vector activate(vector x, float alpha, float beta)`."""
    body = BODIES[name]
    lines = ["static inline vector activate(vector x, float alpha, float beta) {"]
    unused = [name for name in ("alpha", "beta") if not any(name in line for line in body)]
    lines += [f"  (void){name};" for name in unused]
    return [*lines, *(f"  {line}" for line in body), "}"]
