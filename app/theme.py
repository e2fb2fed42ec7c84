"""Punchcard's palette: paper, ink and one teal; the only place where a page takes colours from.

`.streamlit/config.toml` holds the same values for Streamlit's own widgets.
"""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """Colours of one mode, as `#rrggbb`; every text colour has ≥ 4.5:1 on `paper`.

    `button` carries white text, `primary` stands on paper: in the dark these are two colours.
    """

    paper: str
    card: str
    ink: str
    muted: str
    line: str
    primary: str
    button: str
    dense: str
    warn: str
    bad: str
    good: str
    categories: tuple[str, ...]


LIGHT = Palette(
    paper="#fcfaf4",
    card="#f2ecdd",
    ink="#20302f",
    muted="#6f6c60",
    line="#d9d0ba",
    primary="#0b6b64",
    button="#0b6b64",
    dense="#a85a00",
    warn="#a85a00",
    bad="#b3382c",
    good="#2b6e3f",
    categories=("#0b6b64", "#a85a00", "#1f5fa8", "#6b3fa0", "#b3382c", "#2b6e3f", "#6f6c60"),
)

DARK = Palette(
    paper="#13191b",
    card="#1d2629",
    ink="#e9e5d9",
    muted="#a3a69c",
    line="#344044",
    primary="#46b8a9",
    button="#158076",
    dense="#e8a552",
    warn="#e8a552",
    bad="#f08a7c",
    good="#84c995",
    categories=("#46b8a9", "#e8a552", "#82b4ec", "#bda0ec", "#f08a7c", "#84c995", "#a3a69c"),
)


def palette(mode: str | None) -> Palette:
    """Return the palette of a browser's mode; an unknown mode is light."""
    return DARK if mode == "dark" else LIGHT


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
