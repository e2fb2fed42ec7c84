"""Colours: one palette, the same in Streamlit's settings, readable on paper in both modes."""

import tomllib
from pathlib import Path

import pytest

from app.theme import DARK, LIGHT, Palette, contrast, palette

ROOT = Path(__file__).resolve().parents[3]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("mode", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_settings_and_palette_are_in_step(mode: str, colours: Palette) -> None:
    theme = CONFIG["theme"][mode]
    assert theme["primaryColor"] == colours.button
    assert theme["backgroundColor"] == colours.paper
    assert theme["secondaryBackgroundColor"] == colours.card
    assert theme["textColor"] == colours.ink
    assert theme["borderColor"] == colours.line


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_colour_is_readable_on_paper_and_on_cards(colours: Palette) -> None:
    texts = (colours.ink, colours.muted, colours.primary, colours.dense, colours.bad, colours.good)
    for colour in (*texts, *colours.categories):
        assert contrast(colour, colours.paper) >= 4.5, colour
    assert contrast(colours.ink, colours.card) >= 7.0
    assert contrast("#ffffff", colours.button) >= 4.5
    assert contrast(colours.button, colours.paper) >= 3.0


def test_page_is_closed_by_default_and_offline() -> None:
    assert CONFIG["server"]["address"] == "127.0.0.1"
    assert CONFIG["server"]["enableXsrfProtection"] is True
    assert CONFIG["server"]["enableStaticServing"] is False
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["client"]["showErrorDetails"] == "none"
    assert "http" not in str(CONFIG["theme"])


def test_unknown_mode_is_light() -> None:
    assert palette(None) == LIGHT
    assert palette("dark") == DARK
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
