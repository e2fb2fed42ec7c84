"""The page's head, its empty state and its hint to the next step."""

from collections.abc import Mapping

import streamlit as st


def page_head(title: str, says: str) -> None:
    """Draw a page's title and the one sentence that tells what it is for."""
    st.header(title, anchor=False)
    st.caption(says)


def empty_state(what: str, next_step: str, label: str, page: str, **ids: str) -> None:
    """Draw a page that has nothing to show yet: says so, and offers the next step as a button."""
    with st.container(border=True, key=f"empty-{page}"):
        st.subheader(what, anchor=False)
        st.markdown(next_step)
        if st.button(label, type="primary", key=f"empty-{page}-go"):
            st.switch_page(page, query_params=ids or None)


def next_step(label: str, page: str, ids: Mapping[str, str] | None = None) -> None:
    """Draw the link to the step that usually follows."""
    st.space("small")
    st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=dict(ids or {}))
