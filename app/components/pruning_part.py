"""Part of the candidate page: how the candidate was pruned and trained."""

import streamlit as st

from app.components.convergence_plot import convergence_plot
from app.viewmodels.convergence import repair_table, training_table
from app.viewmodels.search_form import ALGORITHMS
from backend.services.views import CandidateView


def pruning_part(view: CandidateView) -> None:
    """Draw algorithm, trainings and repair, and of ADMM its convergence."""
    if not view.training:
        st.info("This candidate is from before there was a record of its training.")
        return
    name = str(view.training.get("algorithm", ""))
    st.markdown(f"Pruned by **{ALGORITHMS.get(name, name)}**.")
    epochs = training_table(view.training)
    if epochs.empty:
        st.caption("Nothing was trained: the weights come from the repair alone.")
    else:
        st.dataframe(epochs, hide_index=True, alt="Epochs of all trainings of this candidate")
    convergence_plot(view.training, view.id)
    repaired = repair_table(view.training)
    if not repaired.empty:
        st.subheader("Repair")
        st.caption(
            "Kept weights refitted without labels. What is left of each layer's outputs as an "
            "error, as a share of their variance."
        )
        st.dataframe(
            repaired,
            hide_index=True,
            column_config={"error (%)": st.column_config.NumberColumn(format="%.2f")},
            alt="What the repair did to each layer",
        )
