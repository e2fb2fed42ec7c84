"""Enhancement: what a dense and a pruned net see, side by side, and whether pruning sharpens it."""

import json
from collections.abc import Sequence

import streamlit as st

from app.components import links
from app.components.error_panel import error_panel, errors_shown
from app.components.frame import show
from app.components.job_progress import job_progress
from app.components.states import page_head
from app.components.study_form import study_form
from app.theme import palette
from app.viewmodels.enhancement import (
    completeness_words,
    difference_figure,
    effect_figure,
    exhibit_caption,
    facts,
    random_words,
    rows_table,
    score_table,
    strength_words,
    verdict_badge,
)
from app.viewmodels.numbers import ago
from app.viewmodels.progress import state_badge
from app.viewmodels.saliency import scale_bar, sight_strip
from backend.services import enhancement
from backend.services.csv_files import csv_bytes
from backend.services.enhancement import StudyView
from backend.services.views import JobView, Json

NUMBER = st.column_config.NumberColumn(format="%.4f")
SIGNED = st.column_config.NumberColumn(format="%+.4f")
COLUMNS = {
    "dense": NUMBER,
    "pruned": NUMBER,
    "difference": SIGNED,
    "95 % from": st.column_config.NumberColumn(
        format="%+.4f", help="Paired bootstrap over the pictures."
    ),
    "to": SIGNED,
    "better on (%)": st.column_config.NumberColumn(
        format="%.0f", help="Share of the pictures on which the pruned net is the better one."
    ),
}
PLOT = {"displaylogo": False, "responsive": True}


def render() -> None:
    """Draw the page."""
    page_head(
        "Enhancement",
        "Does pruning sharpen what a net sees? Both nets look at the same pictures; scores over "
        "all of them decide, not three examples.",
    )
    with errors_shown("The studies cannot be read."):
        found = enhancement.list_studies()
        if not found:
            st.subheader("No study yet.", anchor=False)
            st.markdown(
                "Compare the sample net with its version pruned by patterns, as filled in below, "
                "or pick your own nets and pictures."
            )
            study_form(enhancement.list_nets())
            return
        asked = links.id_from_address("study")
        with st.expander(
            "New study", icon=":material/add:", expanded=st.query_params.get("new") == "1"
        ):
            study_form(enhancement.list_nets())
        if asked and asked not in [study.job.id for study in found]:
            error_panel(
                "This study does not exist.",
                f"No study has the id {asked}.",
                "Pick one of the list below.",
            )
        chosen = picker(found, asked)
        job_progress(chosen, "Looking into both nets", on_done=finished)


def picker(found: Sequence[StudyView], asked: str | None) -> str:
    """Let the user pick a study; the choice stands in the address."""
    by_id = {study.job.id: study for study in found}
    chosen = st.selectbox(
        "Study",
        list(by_id),
        index=list(by_id).index(asked) if asked in by_id else 0,
        format_func=lambda i: _title(by_id[i]),
        help="Newest first. The address of this page leads back to the chosen one.",
        width=560,
    )
    links.put_in_address("study", str(chosen))
    return str(chosen)


def _title(study: StudyView) -> str:
    order = study.order
    pruned = order["pruned"] or f"{order['prune']['scheme']} {order['prune']['rate']:g}×"
    state = "" if study.job.state == "done" else f", {state_badge(study.job.state)[0]}"
    return f"{order['dense']} beside {pruned} – {ago(study.job.created_at)}{state}"


def finished(job: JobView) -> None:
    """Draw what came out of a study."""
    with errors_shown("This study cannot be shown.", "Start it again."):
        view = enhancement.get_study(job.id)
        report = view.report or {}
        verdict(report)
        sights(view)
        st.subheader("Scores", anchor=False)
        scores(job.id, report)
        downloads(job.id, report)


def verdict(report: Json) -> None:
    """Draw the verdict, what the paper claims, and the first numbers."""
    text, colour, icon = verdict_badge(str(report["verdict"]))
    with st.container(border=True, key="verdict"):
        st.badge(text, color=colour, icon=icon)
        st.markdown(f"**{report['sentence']}**")
        st.caption(str(report["claim"]))
    with st.grid(columns="auto", min_column_width=130, gap="small"):
        for label, value, says in facts(report):
            st.metric(label, value, border=True, height="stretch", help=says)


def sights(view: StudyView) -> None:
    """Draw the pictures, a tab for each method."""
    report = view.report or {}
    colours = palette(st.context.theme.type)
    methods = [name for name in report["settings"]["methods"] if name in enhancement.METHODS]
    tabs = st.tabs([enhancement.METHODS[name] for name in methods], key="methods")
    for tab, method in zip(tabs, methods, strict=True):
        with tab:
            st.caption(
                "Each picture: the input, what the dense net sees, what the pruned one sees."
            )
            with st.grid(columns="auto", min_column_width=290, gap="small"):
                for number, exhibit in enumerate(view.exhibits):
                    strip = sight_strip(exhibit, method, colours)
                    if strip is None:
                        continue
                    caption = exhibit_caption(
                        exhibit.name, exhibit.dense_class, exhibit.pruned_class
                    )
                    with st.container(border=True, key=f"sight-{method}-{number}"):
                        st.image(
                            strip,
                            width="stretch",
                            alt=f"{enhancement.METHODS[method]} of {caption}: input, dense, pruned",
                        )
                        st.caption(caption)
            if method == "inversion":
                layer = report["settings"]["layer"]
                st.caption(f"Recovered from the values of layer `{layer}` alone.")
            else:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.caption("nothing", width="content")
                    st.image(scale_bar(colours), width=180, alt="Scale of the maps")
                    st.caption("most of both nets, one scale for each picture", width="content")


def scores(job_id: str, report: Json) -> None:
    """Draw the compared numbers with their intervals."""
    rows = report["sharpness"]
    colours = palette(st.context.theme.type)
    if any(row["low"] is not None for row in rows):
        st.plotly_chart(
            effect_figure(rows, colours),
            key="effects",
            config=PLOT,
            alt="Change of each sharpness score by pruning with its 95 % interval; "
            "the table below has the same numbers",
        )
    else:
        st.info("One picture has no interval: add more for one.")
    st.dataframe(
        score_table(rows),
        hide_index=True,
        placeholder="–",
        column_config=COLUMNS,
        alt="Sharpness scores of both nets with intervals",
    )
    st.caption(
        "Entropy: of the map as a distribution, 1 = even. Energy in the top 10 %: share of the "
        "squared map in its strongest tenth. Laplacian: variance of the map's Laplacian ÷ its "
        "energy. None depends on a map's scale. For an inversion the map is the edges of the "
        "recovered picture."
    )
    if strength_words(report):
        st.caption(strength_words(report))
    named = {f"{r['method_title']} · {r['score_title']}": r for r in rows}
    shown = st.selectbox(
        "Differences of single pictures", list(named), help="Pruned − dense, picture by picture."
    )
    if shown is not None:
        row = named[shown]
        figure = difference_figure(
            enhancement.picture_rows(job_id), row["method"], row["score"], shown, colours
        )
        st.plotly_chart(
            figure, key="differences", config=PLOT, alt=f"Histogram of the differences of {shown}"
        )
    if report["faithfulness"]:
        st.markdown("**Can the maps be trusted?**")
        st.dataframe(
            score_table(report["faithfulness"], sharpness=False),
            hide_index=True,
            placeholder="–",
            column_config=COLUMNS,
            alt="Deletion, insertion and recovery of both nets with intervals",
        )
        st.caption(
            "Deletion: area under the class's probability while the map's strongest pixels go "
            f"first; insertion: while they come first. {random_words(report)} These do not enter "
            "the verdict."
        )
    if completeness_words(report):
        st.caption(completeness_words(report))


def downloads(job_id: str, report: Json) -> None:
    """Draw what can be taken away."""
    with st.container(horizontal=True):
        st.download_button(
            "Pictures (zip)",
            enhancement.pictures_zip(job_id),
            file_name=f"enhancement-{job_id}.zip",
            mime="application/zip",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Scores of all pictures as CSV",
            csv_bytes(rows_table(enhancement.picture_rows(job_id))),
            file_name=f"enhancement-{job_id}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Report as JSON",
            json.dumps(report, indent=1),
            file_name=f"enhancement-{job_id}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )


show(render)
