"""Training on a user's data as the page and the command line see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from backend.data.errors import DataError
from backend.data.registry import NAMED
from backend.jobs.queue import submit
from backend.jobs.states import JobState
from backend.services.jobs import view_of
from backend.services.models import describe_model
from backend.services.views import JobView
from backend.storage.open_database import open_database
from backend.storage.tables import Job
from backend.training.errors import TrainingError
from backend.training.presets import PRESETS, preset

KIND = "train_model"
CHANGEABLE = frozenset({"epochs", "batch", "learning_rate", "patience", "shift", "seed"})

_TITLES = {
    "scratch": "From random weights",
    "adapt": "From the weights there are",
    "fine-tune": "A few passes, for a pruned net",
}


@dataclass(frozen=True, kw_only=True)
class RecipeCard:
    """A recipe in a list, with the fields that a form shows."""

    name: str
    title: str
    epochs: int
    batch: int
    learning_rate: float
    patience: int
    shift: int


def list_recipes() -> tuple[RecipeCard, ...]:
    """The recipes that can be chosen."""
    return tuple(
        RecipeCard(
            name=name,
            title=_TITLES.get(name, name),
            epochs=recipe.epochs,
            batch=recipe.batch,
            learning_rate=recipe.learning_rate,
            patience=recipe.patience,
            shift=recipe.shift,
        )
        for name, recipe in PRESETS.items()
    )


def start_training(
    model: str,
    data: str,
    recipe: str,
    changes: Mapping[str, Any] | None = None,
    *,
    request_id: str | None = None,
) -> str:
    """Queue a training and return its job's id; its result holds `model`: the new name.

    Args:
        model: a base model or an uploaded one; it stays as it is.
        data: a registered data set, or the path of one on the machine of the worker.
        recipe: a name of `list_recipes`.
        changes: fields of the recipe to change, of `CHANGEABLE`.
        request_id: the user's intent, so that a double click is one job.

    Raises:
        GraphError: there is no such model.
        DataError: there is no such data set.
        TrainingError: there is no such recipe, or a number is out of its range.
    """
    asked = dict(changes or {})
    wrong = sorted(asked.keys() - CHANGEABLE)
    if wrong:
        msg = f"{wrong[0]!r} cannot be changed here; {', '.join(sorted(CHANGEABLE))} can"
        raise TrainingError(msg)
    preset(recipe, asked)
    describe_model(model)
    if data not in NAMED and not Path(data).expanduser().exists():
        msg = f"there is no data set {data!r}: take {', '.join(NAMED)}, or the path of a folder"
        raise DataError(msg)
    payload = {"model": model, "data": data, "recipe": recipe, "changes": asked}
    # beside a search it would disturb that one's latencies, so it takes the same lane
    return submit(
        open_database(),
        KIND,
        payload,
        lane="search",
        subject=f"model:{model}",
        request_id=request_id,
    )


def living_training() -> JobView | None:
    """The newest training that waits or runs."""
    living = (JobState.QUEUED, JobState.RUNNING)
    query = (
        select(Job)
        .where(Job.kind == KIND, Job.state.in_(living))
        .order_by(Job.created_at.desc())
        .limit(1)
    )
    with open_database().read() as session:
        row = session.scalar(query)
        return None if row is None else view_of(row)
