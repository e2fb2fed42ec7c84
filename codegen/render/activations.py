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
    "sigmoid": ("return 1.0f / (1.0f + power_of_e(-x));",),
    "hard_sigmoid": (*_HARD_GATE, f"return {_CLIP_ONE};"),
    "hard_gate": (
        "const vector gate = x * alpha + beta;",
        "const vector low = keep(gate, ~(gate < 0.0f));",
        f"return {_CLIP_ONE};",
    ),
    "silu": ("return x / (1.0f + power_of_e(-x));",),
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
    "elu": ("return choose(x < 0.0f, alpha * power_of_e_less_one(x), x);",),
    "softplus": (
        "const vector rest = logarithm_of_more(power_of_e(choose(x < 0.0f, x, -x)));",
        "return choose(x < 0.0f, broadcast(0.0f), x) + rest;",
    ),
    "mish": (
        "/* tanh of ln(1 + e^x) is n / (n + 2) with n = e^x (e^x + 2). */",
        "const vector power = power_of_e(choose(x > 20.0f, broadcast(20.0f), x));",
        "const vector n = power * (power + 2.0f);",
        "return choose(x > 20.0f, x, x * (n / (n + 2.0f)));",
    ),
    "gelu": ("return 0.5f * x * (1.0f + error_function(x * 0.707106781f));",),
    "gelu_tanh": (
        "/* 1 + tanh u is 2 / (1 + e^-2u). */",
        "const vector twice = x * (1.59576912f + 0.0713548163f * x * x);",
        "return x / (1.0f + power_of_e(-twice));",
    ),
    "exp": ("return power_of_e(x);",),
    "log": ("return logarithm(x);",),
    "erf": ("return error_function(x);",),
    "abs": ("return (vector)((lanes)x & 0x7fffffff);",),
    "neg": ("return -x;",),
    "sqrt": ("return square_root(x);",),
    "reciprocal": ("return 1.0f / x;",),
    "floor": (
        "const vector whole = nearest(x);",
        "return choose(whole > x, whole - 1.0f, whole);",
    ),
    "ceil": (
        "const vector whole = nearest(x);",
        "return choose(whole < x, whole + 1.0f, whole);",
    ),
    "round": ("return nearest(x);",),
    "sign": (
        "const vector up = choose(x > 0.0f, broadcast(1.0f), x);",
        "return choose(x < 0.0f, broadcast(-1.0f), up);",
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
