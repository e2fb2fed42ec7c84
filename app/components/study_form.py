"""The form of an enhancement study: two nets, pictures and how to look."""

import uuid
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from backend.services import data, enhancement
from backend.services.enhancement import NetView

ON_THE_SPOT = ""
PICTURES = ["png", "jpg", "jpeg", "bmp", "gif", "webp", "pgm", "ppm"]
SCHEMES = ("pattern", "block_punched", "filter", "unstructured")
REQUEST = "enhance-request"


def study_form(nets: Sequence[NetView]) -> None:
    """Draw the form; a click on its button queues the study and shows it."""
    base = enhancement.default_order()
    by_name = {net.name: net for net in nets}
    asked = links.id_from_address("candidate")
    if asked and asked not in by_name:
        with errors_shown("This candidate cannot be looked into.", "Pick another net below."):
            dense, trained_on = enhancement.base_of(asked)
            view = NetView(
                name=asked, title=f"candidate {asked}", kind="candidate", dense=dense,
                data=trained_on,
            )  # fmt: skip
            by_name[asked] = view
    order = {**base, **nets_part(by_name, asked, base)}
    order |= pictures_part(by_name, order)
    files = st.file_uploader(
        "Your pictures",
        type=PICTURES,
        accept_multiple_files=True,
        max_upload_size=20,
        help="Cut in the middle and scaled to the net's input; they are looked at first. "
        "They stay on this machine.",
    )
    order["settings"] = {**base["settings"], **settings_part(base["settings"])}
    if files and not order["count"]:
        st.caption("A verdict needs 100 pictures: add test images for one.")
    # One intent is one study: a double click or a resent form meets the same id.
    request = st.session_state.setdefault(REQUEST, uuid.uuid4().hex)
    if st.button(
        "Start the study",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not order["settings"]["methods"],
        help="Puts the study in the queue; about a minute for 100 small pictures.",
    ):
        with errors_shown("The study was not started."):
            given = [(file.name, file.getvalue()) for file in files or ()]
            job = enhancement.start_study(order, given, request_id=request)
            del st.session_state[REQUEST]
            st.query_params.clear()
            links.put_in_address("study", job)
            st.rerun()


def nets_part(by_name: dict[str, NetView], asked: str | None, base: dict[str, Any]) -> Any:
    """Draw both nets; what is pruned on the spot is set here too."""
    names = [ON_THE_SPOT, *by_name]
    left, right = st.columns(2)
    with right:
        pruned = st.selectbox(
            "Pruned net",
            names,
            index=names.index(asked) if asked in by_name else 0,
            format_func=lambda n: by_name[n].title if n else "the dense net, pruned now",
            help="A candidate of a search, shipped weights, an upload, or pruned and repaired now.",
        )
    with left:
        known = by_name[pruned].dense if pruned in by_name else ""
        if known:
            st.selectbox(
                "Dense net",
                [known],
                format_func=lambda _: "the dense net of the same search",
                disabled=True,
                help="Trained like its candidates.",
            )
            dense = known
        else:
            standing = [net.name for net in by_name.values() if not net.dense]
            dense = st.selectbox(
                "Dense net",
                standing,
                index=standing.index(base["dense"]) if base["dense"] in standing else 0,
                format_func=lambda n: by_name[n].title,
                help="Both nets explain the class that this one sees.",
            )
    prune = dict(base["prune"])
    if not pruned:
        first, second, third = st.columns(3)
        with first:
            prune["scheme"] = st.selectbox(
                "Scheme",
                SCHEMES,
                format_func=lambda n: n.replace("_", "-"),
                help="The paper's claim is about patterns; the others show whether it is theirs.",
            )
        with second:
            prune["rate"] = st.number_input(
                "Rate (×)", 1.1, 64.0, float(prune["rate"]), 0.25, help="Dense ÷ kept weights."
            )
        with third:
            prune["epochs"] = st.number_input(
                "Epochs of training",
                0,
                20,
                int(prune["epochs"]),
                help="Of both nets alike, after pruning and repair; 0 keeps the repaired net.",
            )
    return {"dense": str(dense), "pruned": str(pruned or ""), "prune": prune}


def pictures_part(by_name: dict[str, NetView], order: dict[str, Any]) -> dict[str, Any]:
    """Draw data set and number of test images."""
    names = [card.name for card in data.list_data()]
    trained_on = next(
        (by_name[n].data for n in (order["pruned"], order["dense"]) if n in by_name), ""
    )
    if trained_on and trained_on not in names:
        names.insert(0, trained_on)
    left, right = st.columns(2)
    with left:
        name = st.selectbox(
            "Data set",
            names,
            index=names.index(trained_on) if trained_on in names else 0,
            accept_new_options=True,
            help="Its test images are looked at, its training images repair. A name of the list, "
            "or the path of a folder, archive or .npz on the studio's machine.",
        )
    with right:
        number = st.number_input(
            "Test images",
            0,
            10_000,
            int(order["count"]),
            50,
            help="Drawn at random. A verdict needs 100; 0 looks at your own pictures alone.",
        )
    return {"data": str(name or ""), "count": int(number)}


def settings_part(settings: dict[str, Any]) -> dict[str, Any]:
    """Draw the methods and how many pictures are inverted."""
    left, right = st.columns([3, 1])
    with left:
        methods = st.multiselect(
            "Methods",
            list(enhancement.METHODS),
            default=list(settings["methods"]),
            format_func=lambda n: enhancement.METHODS[n],
            help="The three ways of looking that the paper shows.",
        )
    with right:
        inversions = st.number_input(
            "Inverted pictures",
            1,
            1000,
            int(settings["inversions"]),
            help="An inversion takes twice as long as integrated gradients.",
        )
    return {"methods": list(methods), "inversions": int(inversions)}
