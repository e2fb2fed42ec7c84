"""ResNet-18/50 (He et al., CVPR 2016), with torchvision's names and its stride on the 3x3."""

from __future__ import annotations

from backend.models.blocks import classifier_head, conv_norm
from backend.models.channels import scaled_channels
from backend.models.resnet_cifar import basic_block, shortcut
from backend.models.sizes import is_small
from codegen.ir.builder import GraphBuilder

_EXPANSION = 4


def resnet(
    b: GraphBuilder,
    x: str,
    classes: int,
    width: float,
    *,
    blocks: tuple[int, int, int, int],
    bottleneck: bool,
) -> str:
    """Add the net; pictures under 64 pixels get a 3x3 stem without pooling, as usual on CIFAR."""
    small = is_small(b.type_of(x))
    filters = scaled_channels(64, width)
    x = b.conv(x, filters, 3 if small else 7, stride=1 if small else 2, name="conv1")
    x = b.batch_norm(x, name="bn1")
    x = b.add("relu", x, name="relu")
    if not small:
        x = b.add("max_pool", x, name="maxpool", kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1))
    for stage, count in enumerate(blocks):
        filters = scaled_channels(64 * 2**stage, width)
        for block in range(count):
            stride = 2 if stage and not block else 1
            name = f"layer{stage + 1}.{block}"
            add_block = _bottleneck if bottleneck else basic_block
            x = add_block(b, x, filters, stride, name=name)
    x = classifier_head(b, x)
    return b.linear(x, classes, name="fc")


def _bottleneck(b: GraphBuilder, x: str, filters: int, stride: int, *, name: str) -> str:
    y = conv_norm(b, x, filters, 1, conv=f"{name}.conv1", norm=f"{name}.bn1")
    y = b.add("relu", y, name=f"{name}.relu1")
    y = conv_norm(b, y, filters, 3, stride=stride, conv=f"{name}.conv2", norm=f"{name}.bn2")
    y = b.add("relu", y, name=f"{name}.relu2")
    wide = filters * _EXPANSION
    y = conv_norm(b, y, wide, 1, conv=f"{name}.conv3", norm=f"{name}.bn3")
    y = b.add("add", y, shortcut(b, x, wide, stride, name=name), name=f"{name}.add")
    return b.add("relu", y, name=f"{name}.relu3")
