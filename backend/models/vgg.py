"""VGG-16 (Simonyan and Zisserman, ICLR 2015) in three sizes, with torchvision's names."""

from __future__ import annotations

from backend.models.channels import scaled_channels
from codegen.ir.builder import GraphBuilder

_STAGES_16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
_STAGES_SMALL = ((32, 2), (64, 2), (128, 2))
_HEAD_PIXELS = 7


def vgg16(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """The ImageNet form: no batch norm, three linear layers.

    Pictures whose last feature map is a multiple of 7 pixels are averaged down to 7x7 as
    torchvision does; for others the first linear layer takes the map as it is.
    """
    x = _features(b, x, _STAGES_16, width, norm=False, bias=True, last_pool=True)
    _, _, height, wide = b.type_of(x).shape
    if height % _HEAD_PIXELS == 0 and wide % _HEAD_PIXELS == 0:
        window = (height // _HEAD_PIXELS, wide // _HEAD_PIXELS)
        x = b.add("average_pool", x, name="avgpool", kernel=window, stride=window)
    x = b.add("flatten", x, name="flatten")
    for index in (0, 3):
        x = b.linear(x, scaled_channels(4096, width), name=f"classifier.{index}")
        x = b.add("relu", x, name=f"classifier.{index + 1}")
        x = b.add("dropout", x, name=f"classifier.{index + 2}")
    return b.linear(x, classes, name="classifier.6")


def vgg16_cifar(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """The usual form for 32x32: batch norm, one linear layer on the mean of the last map."""
    x = _features(b, x, _STAGES_16, width, norm=True, bias=True, last_pool=False)
    return _small_head(b, x, classes)


def vgg_small(b: GraphBuilder, x: str, classes: int, width: float) -> str:
    """Six 3x3 layers of 32, 64 and 128 filters with batch norm; 0.29 M parameters."""
    x = _features(b, x, _STAGES_SMALL, width, norm=True, bias=False, last_pool=False)
    return _small_head(b, x, classes)


def _small_head(b: GraphBuilder, x: str, classes: int) -> str:
    x = b.add("global_average_pool", x, name="avgpool")
    x = b.add("flatten", x, name="flatten")
    return b.linear(x, classes, name="classifier")


def _features(
    b: GraphBuilder,
    x: str,
    stages: tuple[tuple[int, int], ...],
    width: float,
    *,
    norm: bool,
    bias: bool,
    last_pool: bool,
) -> str:
    """Convolutions and pools, numbered as in a torch Sequential named `features`."""
    index = 0
    for stage, (channels, count) in enumerate(stages):
        for _ in range(count):
            x = b.conv(x, scaled_channels(channels, width), 3, bias=bias, name=f"features.{index}")
            if norm:
                index += 1
                x = b.batch_norm(x, name=f"features.{index}")
            x = b.add("relu", x, name=f"features.{index + 1}")
            index += 2
        if (stage + 1 < len(stages) or last_pool) and min(b.type_of(x).shape[2:]) > 1:
            x = b.add("max_pool", x, name=f"features.{index}", kernel=(2, 2), stride=(2, 2))
        index += 1
    return x
