"""A depthwise 3x3 convolution and a 1x1 one, as in MobileNet."""

from __future__ import annotations

import numpy as np

from backend.models.filter_types.factors import rank_one_kernels
from backend.models.filter_types.filter_type import FilterType, Layer, Piece


class Depthwise(FilterType):
    """Starts with the best approximation of rank one of all kernels of an input channel."""

    name = "dw3x3_conv1x1"
    title = "3×3 depthwise, 1×1"
    says = "Space and channels one after the other: about an eighth of a 3×3 layer's work."

    def why_not(self, layer: Layer) -> str | None:
        """Odd kernels with padding around their middle, of a layer that mixes channels."""
        return "it is depthwise already" if layer.is_depthwise else layer.why_not_centred(3)

    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """The depthwise one takes stride, dilation and padding; the 1x1 one keeps the groups."""
        filters, width = layer.weight.shape[:2]
        channels = width * layer.groups
        spatial = np.zeros((channels, 1, 3, 3), np.float32)
        point = np.zeros((filters, width, 1, 1), np.float32)
        if start:
            kernels = layer.centred(3).reshape(layer.groups, -1, width, 9)
            pairs = [rank_one_kernels(group) for group in kernels]
            spatial = np.concatenate([of[0] for of in pairs]).reshape(spatial.shape)
            point = np.concatenate([of[1] for of in pairs]).reshape(point.shape)
        padding = layer.padding_for(3)
        return (
            Piece("dw", spatial, channels, padding, is_spatial=True),
            Piece("", point, layer.groups),
        )
