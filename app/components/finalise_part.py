"""Part of the candidate page: NPAS phase 3, from its settings to the finished net."""

import uuid
from typing import Any

import streamlit as st

from app.components import links
from app.components.convergence_plot import convergence_plot
from app.components.error_panel import error_panel, errors_shown
from app.theme import palette
from app.viewmodels.finalization import (
    bake_off_table,
    epoch_lines,
    epoch_table,
    loss_bars,
    result_table,
    verdict,
)
from app.viewmodels.numbers import milliseconds, percent, times
from app.viewmodels.progress import is_alive, state_badge
from backend.services import finalizations
from backend.services.csv_files import csv_bytes
from backend.services.finalizations import FinalizationView
from backend.services.views import CandidateView

LIVE_SECONDS = 1.0
FINAL = "-final"
COLUMNS = {
    "validation loss": st.column_config.NumberColumn(format="%.4f", help="Mean, in nats."),
    "± loss": st.column_config.NumberColumn(format="%.4f", help="Standard error."),
    "behind the best": st.column_config.NumberColumn(
        format="%.4f", help="Mean difference of the losses of the same images."
    ),
    "± behind": st.column_config.NumberColumn(
        format="%.4f", help="Standard error of that difference: what decides is this one."
    ),
    "accuracy (%)": st.column_config.NumberColumn(format="%.2f"),
    "± accuracy": st.column_config.NumberColumn(format="%.2f"),
    "time (s)": st.column_config.NumberColumn(format="%.0f"),
}


def finalise_part(candidate: CandidateView) -> None:
    """Draw the newest finalisation of a candidate, or the form that starts one."""
    st.caption(
        "Some pruning algorithms train this candidate for a few epochs on the same images. The "
        "one with the lowest validation loss gets the full training, with the dense net as "
        "teacher (NPAS, phase 3)."
    )
    if candidate.id.endswith(FINAL):
        st.info("This net is finalised already; finalise the candidate that it came from.")
        return
    with errors_shown("The finalisations of this candidate cannot be read."):
        found = finalizations.list_finalizations(candidate.id)
        if not found:
            form(candidate, "Nothing has been finalised yet: set it up here.", is_open=True)
            return
        shown = _picked(found)
        every = LIVE_SECONDS if is_alive(shown.state) else None
        st.fragment(live, run_every=every)(shown.id, shown.state, candidate)
        if not is_alive(shown.state):
            form(candidate, "Finalise again with other settings", is_open=False)


def _picked(found: tuple[FinalizationView, ...]) -> FinalizationView:
    if len(found) == 1:
        return found[0]
    by_id = {view.id: view for view in found}
    chosen = st.selectbox(
        "Finalisation",
        list(by_id),
        format_func=lambda i: f"{i} – {state_badge(by_id[i].state)[0]}",
        help="Newest first.",
    )
    return by_id[str(chosen)]


def form(candidate: CandidateView, title: str, *, is_open: bool) -> None:
    """Draw the settings and the button that starts."""
    with st.expander(title, expanded=is_open, icon=":material/tune:"):
        values = settings()
        request = st.session_state.setdefault("finalise-request", uuid.uuid4().hex)
        if st.button(
            "Finalise",
            type="primary",
            icon=":material/trophy:",
            disabled=not values["contestants"],
            help="Puts it in the queue; it can be paused, and goes on after a crash.",
        ):
            with errors_shown("The finalisation was not started."):
                finalizations.start_finalization(candidate.id, values, request_id=request)
                del st.session_state["finalise-request"]
                st.rerun()


def settings() -> dict[str, Any]:
    """Let the user choose contestants and lengths; returns what differs from nothing chosen."""
    default = finalizations.default_settings()
    choices = {item.name: item for item in finalizations.contestant_choices()}
    contestants = st.pills(
        "Contestants",
        list(choices),
        default=list(choices),
        selection_mode="multi",
        format_func=lambda name: choices[name].title,
        help=" ".join(f"**{item.title}**: {item.says}" for item in choices.values()),
    )
    with st.grid(columns="auto", min_column_width=190, gap="small"):
        values = {
            key: st.number_input(
                label, least, most, int(default[key]), step=step, key=f"finalise-{key}", help=says
            )
            for key, label, least, most, step, says in (
                ("bake_epochs", "Epochs of the bake-off", 1, 100, 1, "Of each contestant."),
                (
                    "bake_images",
                    "Images of the bake-off",
                    64,
                    1_000_000,
                    1000,
                    "The same ones for all contestants.",
                ),
                ("epochs", "Epochs of the full run", 1, 1000, 1, "Of the winner alone."),
                (
                    "images",
                    "Images of the full run",
                    0,
                    10_000_000,
                    1000,
                    "0 takes all training images that are not kept back.",
                ),
                ("seed", "Seed", 0, 2**31 - 1, 1, "Of order and mirroring."),
            )
        }
        rate = st.number_input(
            "Learning rate",
            0.0001,
            1.0,
            float(default["learning_rate"]),
            step=0.005,
            format="%.4f",
            help="At its peak; half a cosine follows.",
        )
    chosen = [name for name in choices if name in (contestants or [])]
    return {"contestants": chosen, "learning_rate": rate, **values}


def live(finalization_id: str, state_before: str, candidate: CandidateView) -> None:
    """Draw one finalisation out of one query; looks again each second while it is alive."""
    with errors_shown("The finalisation cannot be read."):
        view = finalizations.get_finalization(finalization_id)
        if view.state != state_before:
            st.rerun()
        state(view)
        if view.result is not None:
            finished(view, candidate)
        bake_off(view)
        full_run(view)
        convergence(view)


def state(view: FinalizationView) -> None:
    """Draw how far it is, and what can be done about it."""
    words, colour, icon = state_badge(view.state)
    if view.state == "failed":
        error_panel(
            "The finalisation failed.",
            view.error or "The job ended without saying why.",
            "Mend what is named above, then resume: what has ended is not trained again.",
            f"job {view.job_id}",
        )
    elif view.state != "done":
        st.badge(words, icon=icon, color=colour)
    if is_alive(view.state):
        share = view.done / view.total if view.total else 0.0
        text = ": ".join(part for part in (view.phase, view.message) if part) or words
        if view.cancel_requested:
            text = "stopping after the step that runs"
        st.progress(min(1.0, share), text=text)
    with st.container(horizontal=True):
        if is_alive(view.state) and not view.cancel_requested:
            if st.button("Pause", icon=":material/pause:", key=f"pause-{view.id}"):
                finalizations.pause_finalization(view.id)
            if st.button("Cancel", icon=":material/stop:", key=f"cancel-{view.id}"):
                finalizations.cancel_finalization(view.id)
        elif (
            not is_alive(view.state)
            and view.can_resume
            and st.button("Resume", type="primary", icon=":material/play_arrow:")
        ):
            finalizations.resume_finalization(view.id)
            st.rerun()


def bake_off(view: FinalizationView) -> None:
    """Draw the contestants side by side."""
    st.subheader("Bake-off", anchor=False)
    sentence = verdict(view)
    if sentence:
        st.markdown(sentence)
    table = bake_off_table(view)
    if not table["why not"].any():
        table = table.drop(columns="why not")
    st.dataframe(table, hide_index=True, column_config=COLUMNS, alt="Contestants of the bake-off")
    colours = palette(st.context.theme.type)
    if any(row.get("loss") is not None for row in view.contestants):
        st.plotly_chart(loss_bars(view, colours), key=f"loss-{view.id}")
    st.download_button(
        "Bake-off as CSV",
        csv_bytes(table),
        file_name=f"bake-off-{view.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"bake-off-csv-{view.id}",
    )


def full_run(view: FinalizationView) -> None:
    """Draw the trainings' epochs, the winner's full run last."""
    rows = [(str(row["title"]), row["history"]) for row in view.contestants if row["history"]]
    if view.full_run.get("history"):
        rows.append(("Full run", view.full_run["history"]))
    if not rows:
        return
    st.subheader("Epochs", anchor=False)
    colours = palette(st.context.theme.type)
    st.plotly_chart(epoch_lines(rows, colours), key=f"epochs-{view.id}")
    st.download_button(
        "Epochs as CSV",
        csv_bytes(epoch_table(rows)),
        file_name=f"epochs-{view.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"epochs-csv-{view.id}",
    )


def convergence(view: FinalizationView) -> None:
    """Draw how ADMM drew near to its masks, of the run that went furthest."""
    runs = [view.full_run, *view.contestants]
    updates = next((run["updates"] for run in runs if run.get("updates")), None)
    if updates:
        convergence_plot({"updates": updates}, key=f"finalise-{view.id}")


def finished(view: FinalizationView, candidate: CandidateView) -> None:
    """Draw the finished net beside what it was, and the way to a device."""
    assert view.result is not None
    result = view.result
    st.success(
        f"Finished and verified: {percent(result['accuracy'])} on the validation images, "
        f"{milliseconds(result['latency_ms'])}, {times(result['speedup'])} as fast as dense.",
        icon=":material/check_circle:",
    )
    before = {"accuracy": candidate.accuracy, "latency_ms": candidate.latency_ms}
    st.dataframe(
        result_table(result, before), hide_index=True, alt="Finished net, candidate, dense net"
    )
    st.caption("Test images were scored once, after everything else.")
    with st.container(horizontal=True):
        if st.button("Deploy the finished net", type="primary", icon=":material/rocket_launch:"):
            st.switch_page(links.DEPLOY, query_params={"candidate": str(view.candidate_id)})
        if st.button("Show the finished net", icon=":material/article:"):
            st.query_params.clear()
            links.put_in_address("candidate", view.candidate_id)
            st.rerun(scope="app")
