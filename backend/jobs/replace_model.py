"""The job of NPAS phase 1: hard forms put in, fine-tuned, measured; the model is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.kept_model import keep_model
from backend.search.replacement_run import ReplacementPlan, measure_replacement, run_replacement
from backend.services.models import open_model


def replace_model(context: JobContext) -> Mapping[str, Any]:
    """Run what the payload asks for; the result is the report, with `model`: the new name.

    Payload: `model`, `data`, `skip`, and either `measure_only`, which keeps nothing, or `epochs`,
    `images` and `with_control`. A second run after a crash begins anew.

    Raises:
        PunchcardError: model or data are gone, do not fit, or nothing can be replaced.
        CancelledError: it was cancelled.
    """
    payload = context.payload
    name, data_name = str(payload["model"]), str(payload["data"])
    skip = tuple(str(node) for node in payload.get("skip", ()))

    def say(phase: str, done: int, total: int) -> None:
        if context.should_stop():
            raise CancelledError(context.job_id)
        context.progress(phase, done, total, phase)

    say("opening the model", 0, 1)
    graph = open_model(name, data_name)
    if payload.get("measure_only"):
        report = measure_replacement(graph, context.settings, skip=skip, on_progress=say)
        return {**report, "model": None, "of": name}

    from backend.data.registry import open_data

    data = open_data(data_name)
    plan = ReplacementPlan(
        skip,
        int(payload.get("epochs", 1)),
        int(payload.get("images", 4000)),
        bool(payload.get("with_control", False)),
    )
    graph, report = run_replacement(
        graph, data, plan, context.settings, on_progress=say, should_stop=context.should_stop
    )
    context.check()
    kept = keep_model(context, graph, f"{name}-hard", f"{name}, hard operations")
    context.event("model_kept", kept)
    return {**report, "model": kept, "of": name}
