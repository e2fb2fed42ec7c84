"""Part of the Model page: train the model on one's own data."""

import uuid

import streamlit as st

from app.components import links
from app.components.error_panel import errors_shown
from app.components.job_progress import job_progress
from app.viewmodels.numbers import count
from app.viewmodels.training import changes, epoch_table, outcome, recipe_words
from backend.services import data, training
from backend.services.training import RecipeCard
from backend.services.views import JobView, ModelCard

JOB = "train"
COLUMNS = {
    "training loss": st.column_config.NumberColumn(format="%.4f"),
    "validation loss": st.column_config.NumberColumn(format="%.4f"),
    "validation accuracy (%)": st.column_config.NumberColumn(format="%.2f"),
}


def training_part(card: ModelCard) -> None:
    """Draw the form, the training that runs, or the result of the last one."""
    st.subheader("Train on your data", anchor=False)
    st.caption(
        "Pruning starts from a trained net. The result is kept as a model of its own; "
        "this one stays as it is."
    )
    with errors_shown("The training cannot be shown."):
        living = training.living_training()
        shown = links.id_from_address(JOB) or (living.id if living else None)
        if shown:
            job_progress(shown, "Training", on_done=result, can_resume=True)
        if living is None:
            form(card)


def form(card: ModelCard) -> None:
    """Let the user choose data and recipe, and start."""
    recipes = {recipe.name: recipe for recipe in training.list_recipes()}
    left, right = st.columns(2, gap="large")
    with left:
        source = _data()
    with right:
        chosen = st.selectbox(
            "Recipe",
            list(recipes),
            index=list(recipes).index("adapt") if card.trained and "adapt" in recipes else 0,
            format_func=lambda name: recipes[name].title,
            help="Presets; the numbers below can be changed.",
            key=f"recipe-{card.name}",
        )
    recipe = recipes[str(chosen)]
    st.caption(recipe_words(recipe))
    asked = _numbers(recipe)
    if st.button(
        "Train",
        type="primary",
        icon=":material/model_training:",
        help="Runs in the background; a search waits until it has ended, so that no latency is "
        "taken beside it.",
    ):
        with errors_shown("The training was not started."):
            job_id = training.start_training(
                card.name, source, recipe.name, changes(recipe, asked), request_id=uuid.uuid4().hex
            )
            links.put_in_address(JOB, job_id)
            st.rerun()


def _data() -> str:
    sets = {card.name: card for card in data.list_data()}
    chosen = st.selectbox(
        "Data",
        list(sets),
        format_func=lambda n: f"{sets[n].title} – {count(sets[n].train)} to train",
        help="A part of the training images is kept back for validation.",
        key="train-data",
    )
    path = st.text_input(
        "Or the path of your own",
        help="On the machine of the worker: a folder with one folder of images per class, a zip "
        "or tar of it, CIFAR batches, IDX files or a NumPy .npz.",
        key="train-path",
    )
    return (path or "").strip() or str(chosen)


def _numbers(recipe: RecipeCard) -> dict[str, int | float]:
    key = f"train-{recipe.name}"
    with st.grid(columns="auto", min_column_width=150, gap="small"):
        return {
            "epochs": int(st.number_input("Epochs", 1, 10_000, recipe.epochs, key=f"{key}-epochs")),
            "batch": int(st.number_input("Batch", 1, 4096, recipe.batch, key=f"{key}-batch")),
            "learning_rate": float(
                st.number_input(
                    "Learning rate",
                    1e-6,
                    10.0,
                    recipe.learning_rate,
                    format="%.4f",
                    key=f"{key}-rate",
                )
            ),
            "patience": int(
                st.number_input(
                    "Patience",
                    0,
                    1000,
                    recipe.patience,
                    help="Epochs without a lower validation loss; 0 trains to the end.",
                    key=f"{key}-patience",
                )
            ),
            "shift": int(
                st.number_input(
                    "Shift (pixels)",
                    0,
                    64,
                    recipe.shift,
                    help="Images are moved by up to so many pixels at random.",
                    key=f"{key}-shift",
                )
            ),
        }


def result(job: JobView) -> None:
    """Draw what a training gave."""
    report = job.result or {}
    accuracy, gain = outcome(report)
    st.success(
        f"{report['of']} became {report['model']}; it is kept among your models.",
        icon=":material/check_circle:",
    )
    with st.grid(columns="auto", min_column_width=150, gap="small"):
        st.metric(
            "Test accuracy",
            accuracy,
            f"{gain} against the start",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="On images that neither training nor the choice of the epoch has seen; ± one "
            "standard error.",
        )
        st.metric("Test images", count(report["test"]["count"]), border=True)
        st.metric("Epochs", f"{len(report['history'])}", border=True)
    for note in report["notes"]:
        st.warning(note, icon=":material/warning:")
    st.dataframe(
        epoch_table(report), hide_index=True, column_config=COLUMNS, alt="Losses of every epoch"
    )
    with st.container(horizontal=True):
        if st.button("Show the trained model", icon=":material/schema:"):
            st.query_params.clear()
            links.put_in_address("model", str(report["model"]))
            st.rerun()
        if st.button("Search with the trained model", icon=":material/search:"):
            st.switch_page(links.SEARCH, query_params={"new": "1", "model": str(report["model"])})
