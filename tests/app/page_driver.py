"""How page tests open a page, and how they read what it shows."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

Open = Callable[..., AppTest]


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
