"""The pattern editor in a real browser, by mouse and by keyboard; the page on a phone's width."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from real_studio import Studio, Watched, running_studio

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def page_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The studio without a worker: the page alone."""
    with running_studio(tmp_path_factory.mktemp("page-only")) as running:
        yield running


def cell(row: int, column: int) -> re.Pattern[str]:
    """The accessible name of a cell of the first pattern."""
    return re.compile(rf"pattern 1, row {row}, column {column},")


def test_preset_is_copied_and_edited_by_mouse_and_keyboard(
    page_only: Studio, watched: Watched
) -> None:
    page = watched.page
    # A deep link on a fresh server must come with the frame, not as the page alone.
    page.goto(f"{page_only.url}/patterns")
    expect(page.get_by_text("worker not running").first).to_be_visible()
    page.get_by_role("button", name="Duplicate to edit").click()
    page.wait_for_url(re.compile(r"set=.*-copy"))
    first = page.get_by_role("button", name=cell(1, 1))
    expect(first).to_be_visible()
    was = first.get_attribute("aria-pressed")
    first.click()
    now = "false" if was == "true" else "true"
    expect(first).to_have_attribute("aria-pressed", now)
    # Four of nine must be kept: the page says so and Save stays shut.
    expect(page.get_by_text(re.compile(r"Pattern 1 keeps [35] of 9 weights")).first).to_be_visible()
    expect(page.get_by_role("button", name="Save", disabled=True)).to_have_count(1)
    # By keyboard: the focus stays in the grid over redraws; arrows move, space punches.
    expect(first).to_be_focused()
    page.keyboard.press("Space")
    expect(first).to_have_attribute("aria-pressed", was or "")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name=cell(1, 2))).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name=cell(2, 2))).to_be_focused()
    # Another pattern in place of the first: mirror the last one away, then save and reload.
    page.get_by_role("button", name="Delete this pattern").last.click()
    save = page.get_by_role("button", name="Save", disabled=False)
    expect(save).to_have_count(1)
    count = page.get_by_role("group", name=re.compile("^pattern ")).count()
    save.click()
    expect(save).to_have_count(0)
    page.reload()
    groups = page.get_by_role("group", name=re.compile("^pattern "))
    expect(groups).to_have_count(count)
    watched.assert_local_and_clean()


@pytest.mark.parametrize(
    "name", ["", "model", "patterns", "search", "front", "enhance", "devices", "deploy"]
)
def test_page_fits_a_phone_in_the_dark_without_sideways_scroll(
    page_only: Studio, watched: Watched, name: str
) -> None:
    page = watched.page
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{page_only.url}/{name}")
    expect(page.locator("[data-testid=stHeading]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    background = page.locator("[data-testid=stApp]").evaluate(
        "node => getComputedStyle(node).backgroundColor"
    )
    assert background == "rgb(19, 25, 27)"
    watched.assert_local_and_clean()
