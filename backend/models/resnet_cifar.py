"""ResNet-8/20/56 for small pictures (He et al., CVPR 2016, section 4.2).

Shortcuts that change size are 1x1 convolutions with batch norm instead of the paper's zero padding
(its option B): one kind of layer fewer for the compiler, 1 % more weights.
"""

from __future__ import annotations

from backend.models.blocks import classifier_head, conv_norm
from backend.models.channels import scaled_channels
from codegen.ir.builder import GraphBuilder


def resnet_cifar(b: GraphBuilder, x: str, classes: int, width: float, *, depth: int) -> str:
    """Add the net of `depth` = 6n + 2 layers; returns the logits' name."""
    filters = scaled_channels(16, width)
    x = conv_norm(b, x, filters, 3, conv="conv1", norm="bn1")
    x = b.add("relu", x, name="relu")
    for stage in range(3):
        filters = scaled_channels(16 * 2**stage, width)
        for block in range((depth - 2) // 6):
            stride = 2 if stage and not block else 1
            x = basic_block(b, x, filters, stride, name=f"layer{stage + 1}.{block}")
    x = classifier_head(b, x)
    return b.linear(x, classes, name="fc")


def basic_block(b: GraphBuilder, x: str, filters: int, stride: int, *, name: str) -> str:
    """Two 3x3 convolutions around a shortcut."""
    y = conv_norm(b, x, filters, 3, stride=stride, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = b.add("relu", y, name=f"{name}.relu1")
    y = conv_norm(b, y, filters, 3, conv=f"{name}.conv2", norm=f"{name}.bn2")
    y = b.add("add", y, shortcut(b, x, filters, stride, name=name), name=f"{name}.add")
    return b.add("relu", y, name=f"{name}.relu2")


def shortcut(b: GraphBuilder, x: str, filters: int, stride: int, *, name: str) -> str:
    """The value itself, or a 1x1 convolution of it where its size or channels change."""
    if stride == 1 and b.type_of(x).shape[1] == filters:
        return x
    return conv_norm(
        b,
        x,
        filters,
        1,
        stride=stride,
        conv=f"{name}.downsample.0",
        norm=f"{name}.downsample.1",
    )
