"""MobileNetV3-Large (Howard et al., ICCV 2019, table 1), with torchvision's names."""

from __future__ import annotations

from dataclasses import dataclass

from backend.models.blocks import (
    classifier_head,
    conv_norm,
    conv_norm_activation,
    squeeze_excite,
)
from backend.models.channels import scaled_channels
from backend.models.sizes import is_small
from codegen.ir.builder import GraphBuilder

_EPSILON = 1e-3
_SQUEEZE = 4


@dataclass(frozen=True)
class _Block:
    kernel: int
    expanded: int
    filters: int
    excite: bool
    activation: str
    stride: int


_BLOCKS = (
    _Block(3, 16, 16, False, "relu", 1),
    _Block(3, 64, 24, False, "relu", 2),
    _Block(3, 72, 24, False, "relu", 1),
    _Block(5, 72, 40, True, "relu", 2),
    _Block(5, 120, 40, True, "relu", 1),
    _Block(5, 120, 40, True, "relu", 1),
    _Block(3, 240, 80, False, "hard_swish", 2),
    _Block(3, 200, 80, False, "hard_swish", 1),
    _Block(3, 184, 80, False, "hard_swish", 1),
    _Block(3, 184, 80, False, "hard_swish", 1),
    _Block(3, 480, 112, True, "hard_swish", 1),
    _Block(3, 672, 112, True, "hard_swish", 1),
    _Block(5, 672, 160, True, "hard_swish", 2),
    _Block(5, 960, 160, True, "hard_swish", 1),
    _Block(5, 960, 160, True, "hard_swish", 1),
)
_HEAD_FEATURES = 1280


def mobilenet_v3_large(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """Add the net; pictures under 64 pixels keep their size through the first two strides."""
    small = is_small(b.type_of(x))
    x = conv_norm_activation(
        b,
        x,
        scaled_channels(16, width),
        3,
        "hard_swish",
        stride=1 if small else 2,
        epsilon=_EPSILON,
        name="features.0",
    )
    for index, block in enumerate(_BLOCKS, start=1):
        stride = 1 if small and index == 2 else block.stride
        x = _inverted_residual(b, x, block, stride, width, name=f"features.{index}")
    last = 6 * b.type_of(x).shape[1]
    x = conv_norm_activation(
        b, x, last, 1, "hard_swish", epsilon=_EPSILON, name=f"features.{len(_BLOCKS) + 1}"
    )
    x = classifier_head(b, x)
    x = b.linear(x, scaled_channels(_HEAD_FEATURES, width), name="classifier.0")
    x = b.add("hard_swish", x, name="classifier.1")
    x = b.add("dropout", x, name="classifier.2", probability=0.2)
    return b.linear(x, classes, name="classifier.3")


def _inverted_residual(
    b: GraphBuilder, x: str, block: _Block, stride: int, width: float, *, name: str
) -> str:
    channels = b.type_of(x).shape[1]
    wide, filters = scaled_channels(block.expanded, width), scaled_channels(block.filters, width)
    y, part = x, 0
    if wide != channels:
        y = conv_norm_activation(
            b, y, wide, 1, block.activation, epsilon=_EPSILON, name=f"{name}.block.{part}"
        )
        part += 1
    y = conv_norm_activation(
        b,
        y,
        wide,
        block.kernel,
        block.activation,
        stride=stride,
        groups=wide,
        epsilon=_EPSILON,
        name=f"{name}.block.{part}",
    )
    part += 1
    if block.excite:
        squeeze = scaled_channels(wide / _SQUEEZE)
        y = squeeze_excite(
            b, y, squeeze, name=f"{name}.block.{part}", activation="relu", gate="hard_sigmoid"
        )
        part += 1
    y = conv_norm(
        b,
        y,
        filters,
        1,
        conv=f"{name}.block.{part}.0",
        norm=f"{name}.block.{part}.1",
        epsilon=_EPSILON,
    )
    if stride == 1 and channels == filters:
        y = b.add("add", y, x, name=f"{name}.add")
    return y
