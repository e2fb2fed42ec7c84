"""The layer stays the convolution it is."""

from __future__ import annotations

from backend.models.filter_types.filter_type import FilterType, Layer, Piece


class Keep(FilterType):
    """Nothing is replaced."""

    name = "keep"
    title = "As it is"
    says = "The layer stays the convolution it is."

    def why_not(self, layer: Layer) -> str | None:
        """Always possible."""
        return None

    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """The layer itself."""
        top, left, bottom, right = layer.node.integers("padding")
        padding = (top, left, bottom, right)
        return (Piece("", layer.weight, layer.groups, padding, is_spatial=True),)
