"""A 1x1 convolution in a larger one's place."""

from __future__ import annotations

from backend.models.filter_types.filter_type import FilterType, Layer, Piece


class Conv1x1(FilterType):
    """Starts with the middle of every kernel: of all 1x1 kernels the nearest to the weights."""

    name = "conv1x1"
    title = "1×1"
    says = "Sees one pixel: a ninth of a 3×3 layer's work."

    def why_not(self, layer: Layer) -> str | None:
        """Odd kernels with padding around their middle."""
        if layer.kernel == (1, 1):
            return "it is a 1x1 convolution already"
        if layer.is_depthwise:
            return "a depthwise layer with 1x1 kernels would only scale its channels: take skip"
        return layer.why_not_centred(1)

    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """One, with the layer's groups and stride."""
        padding = layer.padding_for(1)
        return (Piece("", layer.centred(1), layer.groups, padding, is_spatial=True),)
