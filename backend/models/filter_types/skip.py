"""The layer is left out: its input goes on as its output."""

from __future__ import annotations

from backend.models.filter_types.filter_type import FilterType, Layer, Piece


class Skip(FilterType):
    """A bias goes with the layer; batch norm, activation and addition behind it stay."""

    name = "skip"
    title = "Skip"
    says = "The layer is left out; only where input and output have one shape."

    def why_not(self, layer: Layer) -> str | None:
        """Shapes are asked about where the whole net is known (`why_illegal_filter_type`)."""
        return None

    def pieces(self, layer: Layer, *, start: bool) -> tuple[Piece, ...]:
        """None."""
        return ()
