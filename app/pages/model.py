"""Model: pick a base CNN or bring an ONNX file; layers, costs and the support report."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.components import links
from app.components.error_panel import error_panel, errors_shown
from app.components.frame import show
from app.components.job_progress import job_progress
from app.components.replacement_part import replacement_part
from app.components.states import empty_state, next_step, page_head
from app.components.training_part import training_part
from app.viewmodels.layers import computing, model_table, shape_text
from app.viewmodels.numbers import big, count, percent
from backend.services import models
from backend.services.views import JobView, ModelCard, ModelReport

MAX_UPLOAD_MB = 300


def render() -> None:
    """Draw the page."""
    page_head("Model", "The network to prune: its layers, its cost, and what the compiler takes.")
    with errors_shown("The list of models cannot be read."):
        cards = models.list_models()
        with st.expander("Bring an ONNX file", icon=":material/upload:", expanded=not cards):
            upload()
        if not cards:
            empty_state(
                "No model yet",
                "Bring an ONNX file above; everything else starts from it.",
                "Look at the search form",
                links.SEARCH,
                new="1",
            )
            return
        name = picker(cards)
        with errors_shown(f"The model {name} cannot be shown.", "Pick another model."):
            describe(models.describe_model(name), next(c for c in cards if c.name == name))


def picker(cards: Sequence[ModelCard]) -> str:
    """Let the user pick a model; the choice stands in the address."""
    names = [card.name for card in cards]
    by_name = {card.name: card for card in cards}
    asked = links.id_from_address("model")
    trained = next((card.name for card in cards if card.trained), names[0])
    name = st.selectbox(
        "Base model",
        names,
        index=names.index(asked if asked in by_name else trained),
        format_func=lambda n: _option(by_name[n]),
        help="The zoo's models, then the files you brought. Trained ones can be searched at once.",
    )
    chosen = str(name or trained)
    links.put_in_address("model", chosen)
    return chosen


def _option(card: ModelCard) -> str:
    trained = f", trained ({percent(card.accuracy)})" if card.trained else ""
    return f"{card.title} – {card.family if card.source == 'zoo' else 'your file'}{trained}"


def describe(report: ModelReport, card: ModelCard) -> None:
    """Draw summary, support report and layers of one model."""
    facts = [
        ("Parameters", big(report.parameters)),
        ("MACs per image", big(report.macs)),
        ("Input", shape_text(report.input_shape[-3:])),
        ("Classes", count(report.classes)),
        ("Nodes", count(report.nodes)),
        ("Test accuracy", percent(card.accuracy) if card.trained else "not trained"),
    ]
    with st.grid(columns="auto", min_column_width=150, gap="small"):
        for label, value in facts:
            st.metric(label, value, border=True, height="stretch")
    support(report)
    st.subheader("Layers", anchor=False)
    everything = st.toggle(
        "Show every node",
        help="Off lists only the layers that multiply; the others are fused or kept as they are.",
    )
    table = model_table(report.layers if everything else computing(report.layers))
    if table.empty:
        st.info("This model has no layers that the report could list.")
        return
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 520),
        column_config={
            "MACs (k)": st.column_config.NumberColumn(format="%.1f"),
            "share of MACs (%)": st.column_config.ProgressColumn(
                format="%.1f %%", min_value=0.0, max_value=100.0
            ),
        },
        alt="Layers of the model in execution order",
    )
    st.caption("MACs = multiply-accumulate operations for one image.")
    if report.supported:
        training_part(card)
        replacement_part(card)
        next_step("Search with this model", links.SEARCH, {"new": "1", "model": report.name})


def support(report: ModelReport) -> None:
    """Draw the support report."""
    if report.supported:
        st.success(
            f"All {report.nodes} nodes can be compiled to C.", icon=":material/check_circle:"
        )
        return
    error_panel(
        f"{len(report.unsupported)} of {report.nodes} nodes cannot be compiled.",
        "The compiler refuses the whole model rather than a wrong result.",
        "Change the nodes below in the exporting program, then bring the file again.",
    )
    st.dataframe(
        pd.DataFrame(
            [{"node": u.node, "operator": u.op, "what to do": u.hint} for u in report.unsupported]
        ),
        hide_index=True,
    )


def upload() -> None:
    """Take a file and hand it to an import job; show that job until it ends."""
    file = st.file_uploader(
        "ONNX file",
        type=["onnx"],
        max_upload_size=MAX_UPLOAD_MB,
        help=f"One file up to {MAX_UPLOAD_MB} MB with its weights inside and a fixed input size. "
        "It is read in a separate process; nothing leaves this machine.",
    )
    if st.button(
        "Import",
        disabled=file is None,
        icon=":material/input:",
        help="Checks every node and lists what cannot be compiled.",
    ):
        with errors_shown("The file was not taken."):
            assert file is not None
            links.put_in_address("import", models.submit_model(file.name, file.getvalue()))
    job_id = links.id_from_address("import")
    if job_id:
        job_progress(job_id, "Import", on_done=imported)


def imported(job: JobView) -> None:
    """Open the model that an import made."""
    name = (job.result or {}).get("model")
    st.success("The model was imported.", icon=":material/check_circle:")
    if name and st.button("Show the imported model", type="primary"):
        st.query_params.clear()
        links.put_in_address("model", str(name))
        st.rerun()


show(render)
