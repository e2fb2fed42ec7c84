"""The net whose kernels are looked at, in the Patterns page's views."""

import streamlit as st

from app.components import links
from backend.services import models


def net_picker(key: str) -> str | None:
    """Let the user pick a model; the choice stands in the address. None where there is none."""
    cards = models.list_models()
    names = [card.name for card in cards]
    if not names:
        st.info("There is no model yet: bring an ONNX file on the Model page.")
        return None
    asked = links.id_from_address("model")
    trained = next((card.name for card in cards if card.trained), names[0])
    name = st.selectbox(
        "Net",
        names,
        index=names.index(asked if asked in names else trained),
        key=key,
        help="Its 3×3 kernels are looked at. Untrained base models have random weights.",
    )
    links.put_in_address("model", name)
    untrained = [card.name for card in cards if not card.trained]
    if name in untrained:
        st.caption(":material/info: This net is not trained: its patterns are those of chance.")
    return name
