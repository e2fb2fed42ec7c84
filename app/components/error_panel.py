"""The failed state of every page: what happened, why, and what to do."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from backend.services.errors import PunchcardError

log = logging.getLogger("punchcard.page")

SURPRISE = "Punchcard met an error it did not expect."
SURPRISE_REMEDY = (
    "Reload the page. If it stays, give the number below to whoever keeps this studio: "
    "the server's log has the details under it."
)


def error_panel(what: str, why: str, remedy: str, details: str = "") -> None:
    """Draw one failure; `details` is offered as text that can be copied."""
    with st.container(border=True, key=f"failed-{what[:24]}"):
        st.error(what, icon=":material/error:")
        st.text(why)
        st.markdown(f":material/arrow_forward: {remedy}")
        if details:
            with st.expander("Details to copy"):
                st.code(details, language=None, wrap_lines=True)


@contextmanager
def errors_shown(
    what: str, remedy: str = "Mend what is named above and try again."
) -> Iterator[None]:
    """Show any error of the block as a panel instead of a broken page.

    A user's error is told in its own sentence. Anything else gets a number; its trace goes to
    the server's log only, since a page must not show paths or code.
    """
    try:
        yield
    except PunchcardError as error:
        error_panel(what, str(error), remedy)
    except Exception:
        number = uuid.uuid4().hex[:8]
        log.exception("page error %s: %s", number, what)
        error_panel(what, SURPRISE, SURPRISE_REMEDY, f"error number {number}")
