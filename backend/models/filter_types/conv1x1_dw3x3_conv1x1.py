"""A 1x1 convolution, a depthwise 3x3 one and another 1x1 one, as in MobileNetV2's blocks."""

from __future__ import annotations

import numpy as np

from backend.models.filter_types.factors import canonical_kernels
from backend.models.filter_types.filter_type import FilterType, Layer, Piece


class ExpandedDepthwise(FilterType):
    """Starts with a canonical decomposition of the weight, of as many terms as it has channels.

    NPAS does not say how many channels lie between the 1x1 convolutions; here as many as the layer
    reads, so that it can do all that `dw3x3_conv1x1` can and stays below the layer's work.
    """

    name = "conv1x1_dw3x3_conv1x1"
    title = "1×1, 3×3 depthwise, 1×1"
    says = "Mixes channels before and after space: about a quarter of a 3×3 layer's work."

    def why_not(self, layer: Layer) -> str | None:
        """Odd kernels with padding around their middle, of a layer that mixes channels."""
        return "it is depthwise already" if layer.is_depthwise else layer.why_not_centred(3)

    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """The depthwise one takes stride, dilation and padding; the 1x1 ones keep the groups."""
        filters, width = layer.weight.shape[:2]
        channels = width * layer.groups
        first = np.zeros((channels, width, 1, 1), np.float32)
        spatial = np.zeros((channels, 1, 3, 3), np.float32)
        last = np.zeros((filters, width, 1, 1), np.float32)
        if start:
            kernels = layer.centred(3).reshape(layer.groups, -1, width, 9)
            found = [canonical_kernels(group) for group in kernels]
            first = np.concatenate([of[0] for of in found]).reshape(first.shape)
            spatial = np.concatenate([of[1] for of in found]).reshape(spatial.shape)
            last = np.concatenate([of[2] for of in found]).reshape(last.shape)
        return (
            Piece("expand", first, layer.groups),
            Piece("dw", spatial, channels, layer.padding_for(3), is_spatial=True),
            Piece("", last, layer.groups),
        )
