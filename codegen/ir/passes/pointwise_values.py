"""Pointwise functions on constants, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import erf
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_erf = np.vectorize(erf, otypes=[np.float64])


def _gate(x: Array, slope: float, offset: float) -> Array:
    return np.clip(x * slope + offset, 0, 1)


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


def _gelu_tanh(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


ACTIVATION_VALUES: Mapping[str, Callable[[Array, float], Array]] = MappingProxyType(
    {
        "none": lambda x, _: x,
        "relu": lambda x, _: np.maximum(x, 0),
        "relu6": lambda x, _: np.clip(x, 0, 6),
        "leaky_relu": lambda x, alpha: np.where(x < 0, alpha * x, x),
        "sigmoid": lambda x, _: 1 / (1 + np.exp(-x)),
        "hard_sigmoid": lambda x, _: _gate(x, 1 / 6, 0.5),
        "silu": lambda x, _: x / (1 + np.exp(-x)),
        "hard_swish": lambda x, _: x * _gate(x, 1 / 6, 0.5),
        "tanh": lambda x, _: np.tanh(x),
        "elu": lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x),
        "softplus": lambda x, _: _softplus(x),
        "mish": lambda x, _: x * np.tanh(_softplus(x)),
        "gelu": lambda x, _: 0.5 * x * (1 + _erf(x / np.sqrt(2))),
        "gelu_tanh": lambda x, _: _gelu_tanh(x),
    }
)
"""Activations as they are fused; the number is the slope of those that have one."""

FUNCTION_VALUES: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "exp": np.exp,
        "log": np.log,
        "erf": _erf,
        "abs": np.abs,
        "neg": np.negative,
        "sqrt": np.sqrt,
        "reciprocal": np.reciprocal,
        "floor": np.floor,
        "ceil": np.ceil,
        "round": np.round,
        "sign": np.sign,
    }
)

BINARY_VALUES: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "div": np.divide,
        "pow": np.power,
        "min": np.minimum,
        "max": np.maximum,
        "prelu": lambda x, slope: np.where(x < 0, x * slope, x),
    }
)
