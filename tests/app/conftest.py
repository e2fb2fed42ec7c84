"""Pages run headless over a recorded studio; each test names the scenario it wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_studio import FakeStudio, install
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"

Open = Callable[..., AppTest]


@pytest.fixture
def studio() -> FakeStudio:
    """A studio with a finished search; tests replace its scenario."""
    return FakeStudio("full")


@pytest.fixture
def open_page(studio: FakeStudio, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a page by name, with its address, in a scenario."""
    install(studio, monkeypatch.setattr)

    def opened(page: str, scenario: str = "full", **address: str) -> AppTest:
        studio.set_scenario(scenario)
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        for key, value in address.items():
            app.query_params[key] = value
        app.switch_page(f"pages/{page}.py")
        return app.run()

    return opened


def words(app: AppTest) -> str:
    """All text a page shows, for looking up sentences."""
    kinds = ("header", "subheader", "markdown", "caption", "text", "info", "warning", "error")
    more = ("success", "code", "button", "metric")
    found = []
    for kind in (*kinds, *more):
        for element in app.get(kind):
            found.append(str(getattr(element, "value", "") or ""))
            found.append(str(getattr(element, "label", "") or ""))
    return "\n".join(found)
