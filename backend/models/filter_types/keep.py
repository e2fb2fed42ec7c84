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
        return (
            Piece(
                "",
                layer.weight,
                layer.groups,
                layer.padding_for(layer.kernel[0]),
                is_spatial=True,
            ),
        )
