"""Groups of nodes that several families share."""

from __future__ import annotations

from codegen.ir.builder import GraphBuilder


def conv_norm(
    b: GraphBuilder,
    x: str,
    filters: int,
    kernel: int,
    *,
    conv: str,
    norm: str,
    stride: int = 1,
    groups: int = 1,
    epsilon: float = 1e-5,
) -> str:
    """A convolution without bias and its batch norm, named as given."""
    x = b.conv(x, filters, kernel, stride=stride, groups=groups, name=conv)
    return b.batch_norm(x, name=norm, epsilon=epsilon)


def conv_norm_activation(
    b: GraphBuilder,
    x: str,
    filters: int,
    kernel: int,
    activation: str,
    *,
    name: str,
    stride: int = 1,
    groups: int = 1,
    epsilon: float = 1e-5,
) -> str:
    """Torchvision's block of the same words: `<name>.0` conv, `.1` norm, `.2` activation."""
    x = conv_norm(
        b,
        x,
        filters,
        kernel,
        conv=f"{name}.0",
        norm=f"{name}.1",
        stride=stride,
        groups=groups,
        epsilon=epsilon,
    )
    return b.add(activation, x, name=f"{name}.2")


def squeeze_excite(
    b: GraphBuilder, x: str, squeeze: int, *, name: str, activation: str, gate: str
) -> str:
    """Scale channels by what a two-layer net makes of their means (Hu et al., CVPR 2018)."""
    channels = b.type_of(x).shape[1]
    y = b.add("global_average_pool", x, name=f"{name}.avgpool")
    y = b.conv(y, squeeze, 1, bias=True, name=f"{name}.fc1")
    y = b.add(activation, y, name=f"{name}.activation")
    y = b.conv(y, channels, 1, bias=True, name=f"{name}.fc2")
    y = b.add(gate, y, name=f"{name}.scale_activation")
    return b.add("mul", x, y, name=f"{name}.mul")


def classifier_head(b: GraphBuilder, x: str, *, pool: str = "avgpool") -> str:
    """Mean over the picture, then one axis of features."""
    x = b.add("global_average_pool", x, name=pool)
    return b.add("flatten", x, name="flatten")
