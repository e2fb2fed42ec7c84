"""A study in a real browser: a picture of one's own, the form, progress, and what both nets see."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from real_studio import Studio, Watched, running_studio

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture
def with_worker(tmp_path: Path) -> Iterator[Studio]:
    """The studio with a worker and no search."""
    with running_studio(tmp_path / "home", "--with-worker") as running:
        yield running


def test_an_own_picture_is_seen_through_both_nets(with_worker: Studio, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{with_worker.url}/enhance")
    expect(page.get_by_text("No study yet.")).to_be_visible()
    buffer = io.BytesIO()
    Image.fromarray(np.eye(40, dtype=np.uint8) * 255).save(buffer, "PNG")
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    expect(page.get_by_text("mine.png")).to_be_visible()
    count = page.get_by_role("spinbutton", name="Test images")
    count.fill("3")
    count.press("Enter")
    page.get_by_role("button", name="Start the study").click()
    page.wait_for_url(re.compile(r"study="))
    expect(page.get_by_text("4 pictures were scored")).to_be_visible(timeout=600_000)
    strips = page.get_by_role("img", name=re.compile("^Guided back-propagation of mine.png"))
    expect(strips.first).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Pictures (zip)").click()
    assert taken.value.path().read_bytes().startswith(b"PK")
    watched.assert_local_and_clean()
