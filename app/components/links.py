"""Where pages are and which ids stand in their addresses."""

import re

import streamlit as st

HOME = "pages/home.py"
MODEL = "pages/model.py"
PATTERNS = "pages/patterns.py"
SEARCH = "pages/search.py"
FRONT = "pages/front.py"
CANDIDATE = "pages/candidate.py"
ENHANCE = "pages/enhance.py"
DEVICES = "pages/devices.py"
DEPLOY = "pages/deploy.py"

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def id_from_address(key: str) -> str | None:
    """Return an id of the page's address, or None when absent or not shaped like an id."""
    value = st.query_params.get(key)
    return value if value and _ID.fullmatch(value) else None


def put_in_address(key: str, value: str | None) -> None:
    """Write an id into the page's address, so that refresh and a sent link show the same."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value


def address_of(page: str, key: str, value: str) -> str:
    """Return the relative address of a page with one id, for links inside tables."""
    return f"/{page.removeprefix('pages/').removesuffix('.py')}?{key}={value}"
