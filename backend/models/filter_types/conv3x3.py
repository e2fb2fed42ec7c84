"""A 3x3 convolution in a larger or smaller one's place."""

from __future__ import annotations

from backend.models.filter_types.filter_type import FilterType, Layer, Piece


class Conv3x3(FilterType):
    """Starts with the middle of every kernel, or a 1x1 kernel with zeros around it.

    A depthwise layer stays depthwise: this is how a 5x5 one becomes smaller.
    """

    name = "conv3x3"
    title = "3×3"
    says = "The middle 3×3 of larger kernels; a 1×1 layer would become dearer."

    def why_not(self, layer: Layer) -> str | None:
        """Odd kernels with padding around their middle."""
        if layer.kernel == (3, 3):
            return "it is a 3x3 convolution already"
        return layer.why_not_centred(3)

    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """One, with the layer's groups and stride."""
        padding = layer.padding_for(3)
        return (Piece("", layer.centred(3), layer.groups, padding, is_spatial=True),)
