"""When a picture is too small for the strides of an ImageNet net."""

from __future__ import annotations

from codegen.ir.tensor import TensorType

_SMALL_PIXELS = 64


def is_small(picture: TensorType) -> bool:
    """Whether the shorter side of a (1, c, h, w) picture is under 64 pixels.

    Nets made for 224 pixels halve the size five times; on CIFAR-like pictures the first two
    halvings are usually left out.
    """
    return min(picture.shape[2:]) < _SMALL_PIXELS
