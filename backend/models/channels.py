"""Channel counts under a width multiplier."""

from __future__ import annotations


def scaled_channels(channels: float, width: float = 1.0, divisor: int = 8) -> int:
    """Channels times width, rounded to a multiple of `divisor` but never down by over 10 %.

    The rounding of MobileNetV2 (CVPR 2018), used by all families here so that vector lanes stay
    full at every width.
    """
    wanted = channels * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded
