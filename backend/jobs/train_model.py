"""The job that trains a model on a user's data: resumable, and the model is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kept_model import keep_model
from backend.models.zoo import MODELS
from backend.services.models import open_model
from backend.training.presets import preset, training_start, with_teacher
from codegen.ir.graph import Graph

if TYPE_CHECKING:
    from backend.data.image_data import ImageData
    from backend.training.history import Progress


def train_model(context: JobContext) -> Mapping[str, Any]:
    """Train what the payload asks for; the result is the report, with `model`: the new name.

    Payload: `model`, `data`, `recipe` (name of a preset) and `changes` of its fields. A job that
    was stopped or killed goes on from its checkpoint, to the same weights.

    Raises:
        PunchcardError: model or data are gone or do not fit, or the training broke down.
        CancelledError: it should stop; the checkpoint is written.
    """
    payload = context.payload
    model, data_name = str(payload["model"]), str(payload["data"])
    name = str(payload["recipe"])
    recipe = with_teacher(preset(name, payload.get("changes")), has_teacher=False)
    context.progress("opening", 0, 1, "opening the model and the images")

    # the service and the page that name this job's kind import no torch
    from backend.data.registry import open_data
    from backend.training.errors import StoppedError
    from backend.training.report import training_report
    from backend.training.train_model import train_model as train

    data = open_data(data_name)
    graph = _start(model, data, data_name, name == "scratch", recipe.seed)
    folder = context.settings.artifacts / "trainings"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    checkpoint = folder / f"{context.job_id}.checkpoint"

    def say(at: Progress) -> None:
        words = (
            f"epoch {at.epoch} of {at.epochs}, loss {at.loss:.3f}, "
            f"{at.images_per_s:.0f} images/s, {_time_left(at.eta_s)}"
        )
        context.progress("training", at.step, at.steps, words)
        if at.note:
            context.event("memory", at.note)
        if at.ended is not None:
            context.milestone()
            context.event("epoch", _told(at))

    try:
        trained = train(
            graph,
            data,
            recipe,
            checkpoint=checkpoint,
            on_progress=say,
            should_stop=context.should_stop,
        )
    except StoppedError:
        raise CancelledError(context.job_id) from None
    context.check()
    of = Path(data_name).stem
    kept = keep_model(context, trained.run.graph, f"{model}-{of}", f"{model}, trained on {of}")
    context.event("model_kept", kept)
    checkpoint.unlink(missing_ok=True)
    report = training_report(trained, model, data_name, recipe)
    return json.loads(json.dumps({**report, "model": kept, "of": model}))  # type: ignore[no-any-return]


def _start(model: str, data: ImageData, data_name: str, from_scratch: bool, seed: int) -> Graph:
    if model in MODELS:
        return training_start(model, data, data_name, from_scratch=from_scratch, seed=seed)
    return open_model(model)


def _told(at: Progress) -> str:
    assert at.ended is not None
    seen = at.ended.validation
    return (
        f"epoch {at.ended.number}: loss {at.ended.loss:.4f}, validation loss {seen['loss']:.4f}, "
        f"accuracy {100 * seen['accuracy']:.2f} %"
    )


def _time_left(eta_s: float) -> str:
    return f"{eta_s / 60:.0f} min left" if eta_s >= 90 else f"{eta_s:.0f} s left"
