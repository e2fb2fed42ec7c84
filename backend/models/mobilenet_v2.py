"""MobileNetV2 (Sandler et al., CVPR 2018, table 2), with torchvision's names."""

from __future__ import annotations

from backend.models.blocks import classifier_head, conv_norm, conv_norm_activation
from backend.models.channels import scaled_channels
from backend.models.sizes import is_small
from codegen.ir.builder import GraphBuilder

# (expansion, channels, blocks, stride of the first block)
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_LAST_CHANNELS = 1280


def mobilenet_v2(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """Add the net; pictures under 64 pixels keep their size through the first two strides."""
    small = is_small(b.type_of(x))
    stem = scaled_channels(32, width)
    x = conv_norm_activation(b, x, stem, 3, "relu6", stride=1 if small else 2, name="features.0")
    index = 1
    for stage, (expansion, channels, count, stage_stride) in enumerate(_STAGES):
        for block in range(count):
            stride = stage_stride if not block and not (small and stage == 1) else 1
            filters = scaled_channels(channels, width)
            x = _inverted_residual(b, x, filters, stride, expansion, name=f"features.{index}")
            index += 1
    last = scaled_channels(_LAST_CHANNELS, max(1.0, width))
    x = conv_norm_activation(b, x, last, 1, "relu6", name=f"features.{index}")
    x = classifier_head(b, x)
    x = b.add("dropout", x, name="classifier.0", probability=0.2)
    return b.linear(x, classes, name="classifier.1")


def mobilenet_v2_05(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """The net at half its width, as published; `width` multiplies that."""
    return mobilenet_v2(b, x, classes, 0.5 * width)


def _inverted_residual(
    b: GraphBuilder, x: str, filters: int, stride: int, expansion: int, *, name: str
) -> str:
    """Expand 1x1, filter each channel 3x3, project 1x1 without activation."""
    channels = b.type_of(x).shape[1]
    wide = channels * expansion
    y, part = x, 0
    if expansion != 1:
        y = conv_norm_activation(b, y, wide, 1, "relu6", name=f"{name}.conv.{part}")
        part += 1
    y = conv_norm_activation(
        b, y, wide, 3, "relu6", stride=stride, groups=wide, name=f"{name}.conv.{part}"
    )
    y = conv_norm(b, y, filters, 1, conv=f"{name}.conv.{part + 1}", norm=f"{name}.conv.{part + 2}")
    if stride == 1 and channels == filters:
        y = b.add("add", x, y, name=f"{name}.add")
    return y
