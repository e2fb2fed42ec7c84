"""EfficientNet-B0 (Tan and Le, ICML 2019, table 1), with torchvision's names.

Stochastic depth, which only acts in training, is left out.
"""

from __future__ import annotations

from backend.models.blocks import (
    classifier_head,
    conv_norm,
    conv_norm_activation,
    squeeze_excite,
)
from backend.models.channels import scaled_channels
from backend.models.sizes import is_small
from codegen.ir.builder import GraphBuilder

# (expansion, kernel, stride of the first block, channels, blocks)
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_LAST_CHANNELS = 1280
_SQUEEZE = 4


def efficientnet_b0(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """Add the net; pictures under 64 pixels keep their size through the first two strides."""
    small = is_small(b.type_of(x))
    stem = scaled_channels(32, width)
    x = conv_norm_activation(b, x, stem, 3, "silu", stride=1 if small else 2, name="features.0")
    for stage, (expansion, kernel, stage_stride, channels, count) in enumerate(_STAGES, start=1):
        filters = scaled_channels(channels, width)
        for block in range(count):
            stride = stage_stride if not block and not (small and stage == 2) else 1
            name = f"features.{stage}.{block}"
            x = _mbconv(b, x, filters, kernel, stride, expansion, name=name)
    last = scaled_channels(_LAST_CHANNELS, width)
    x = conv_norm_activation(b, x, last, 1, "silu", name=f"features.{len(_STAGES) + 1}")
    x = classifier_head(b, x)
    x = b.add("dropout", x, name="classifier.0", probability=0.2)
    return b.linear(x, classes, name="classifier.1")


def _mbconv(
    b: GraphBuilder, x: str, filters: int, kernel: int, stride: int, expansion: int, *, name: str
) -> str:
    """Expand 1x1, filter each channel, squeeze and excite, project 1x1."""
    channels = b.type_of(x).shape[1]
    wide = scaled_channels(channels * expansion)
    y, part = x, 0
    if wide != channels:
        y = conv_norm_activation(b, y, wide, 1, "silu", name=f"{name}.block.{part}")
        part += 1
    y = conv_norm_activation(
        b, y, wide, kernel, "silu", stride=stride, groups=wide, name=f"{name}.block.{part}"
    )
    y = squeeze_excite(
        b,
        y,
        max(1, channels // _SQUEEZE),
        name=f"{name}.block.{part + 1}",
        activation="silu",
        gate="sigmoid",
    )
    project = f"{name}.block.{part + 2}"
    y = conv_norm(b, y, filters, 1, conv=f"{project}.0", norm=f"{project}.1")
    if stride == 1 and channels == filters:
        y = b.add("add", y, x, name=f"{name}.add")
    return y
