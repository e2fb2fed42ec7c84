"""An edit that is not saved yet, kept over page switches."""

import streamlit as st

from app.viewmodels.pattern_sets import Patterns


class Draft:
    """A pattern set under edit; `revision` grows whenever the editor must start afresh."""

    def __init__(self, key: str, saved: Patterns):
        self._key = key
        st.session_state.setdefault(key, (saved, 0))

    @property
    def value(self) -> Patterns:
        """Patterns as last edited."""
        value: Patterns = st.session_state[self._key][0]
        return value

    @value.setter
    def value(self, patterns: Patterns) -> None:
        st.session_state[self._key] = (patterns, self.revision)

    @property
    def revision(self) -> int:
        """Number of times the draft was replaced."""
        return int(st.session_state[self._key][1])

    def reset(self, patterns: Patterns) -> None:
        """Throw the edits away and show `patterns`."""
        st.session_state[self._key] = (patterns, self.revision + 1)
