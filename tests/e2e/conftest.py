"""A real studio and a real browser; a missing browser is a failure, never a skip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from real_studio import CHROMIUM, FLAGS, SAMPLE, Studio, Watched, running_studio

# The machine may be busy: every expectation waits this long, and goes on as soon as it is met.
expect.set_options(timeout=180_000)


@pytest.fixture
def studio(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Studio]:
    """`punchcard studio --with-worker --sample` on a free port, ended with all its children."""
    home = tmp_path / "home"
    config = tmp_path / "sample.yaml"
    config.write_text(SAMPLE.format(seed=getattr(request, "param", 0)), encoding="utf-8")
    cache = Path.home() / ".cache" / "punchcard-test"
    toolchain = Path(os.environ.get("PUNCHCARD_TEST_CACHE", cache)) / "toolchain"
    toolchain.mkdir(parents=True, exist_ok=True)
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "objects").symlink_to(toolchain)
    monkeypatch.setenv("PUNCHCARD_HOME", str(home))
    with running_studio(
        home, "--with-worker", "--sample", PUNCHCARD_SAMPLE_CONFIG=str(config)
    ) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    assert Path(CHROMIUM).exists(), (
        f"{CHROMIUM} is missing: the browser tests need it (apt install chromium), "
        "or name another one in PUNCHCARD_CHROMIUM."
    )
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A fresh browser session that records where it goes."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(180_000)
    result = Watched(page)
    page.on("request", lambda request: result.asked.add(urlsplit(request.url).hostname or ""))
    page.on("websocket", lambda socket: result.asked.add(urlsplit(socket.url).hostname or ""))
    page.on("pageerror", lambda error: result.errors.append(str(error)))
    yield result
    context.close()
