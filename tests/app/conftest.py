"""Pages run headless over a recorded studio; each test names the scenario it wants."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_studio import FakeStudio, install
from page_driver import Open
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


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
