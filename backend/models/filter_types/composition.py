"""One convolution that does what the pieces of a filter type do together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.models.filter_types.filter_type import FloatArray, Layer, Piece, resized


def composed(layer: Layer, pieces: Sequence[Piece], weights: Sequence[FloatArray]) -> FloatArray:
    """The weight (filters, channels / groups, ky, kx) of that convolution, as large as the layer's.

    A smaller kernel has zeros around it; of a larger one the middle is left. Without pieces the
    layer is skipped and nothing of it is made: zeros.

    Args:
        layer: that is replaced.
        pieces: of the filter type.
        weights: of each piece, masked or not, of its shape.
    """
    if not pieces:
        return np.zeros_like(layer.weight)
    made = weights[0]
    if len(pieces) > 1:
        groups, width = layer.groups, layer.weight.shape[1]
        last = weights[-1].reshape(groups, -1, width)
        spatial = weights[-2].reshape(groups, width, -1)
        if len(pieces) == 2:
            made = last[..., None] * spatial[:, None]
        else:
            first = weights[0].reshape(groups, width, width)
            seen = spatial[:, :, None, :] * first[..., None]  # (groups, terms, channels, k)
            made = last @ seen.reshape(groups, width, -1)
        size = pieces[-2].weight.shape[2:]
        made = made.reshape(len(layer.weight), width, *size)
    return resized(made, layer.kernel)
