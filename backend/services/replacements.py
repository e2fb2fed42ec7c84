"""NPAS phase 1 as the page and the command line see it: what can be replaced, and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from backend.jobs.queue import submit
from backend.models.replace_operations import replaceable
from backend.services.models import open_model
from backend.storage.open_database import open_database
from codegen.errors import GraphError


@dataclass(frozen=True, kw_only=True)
class ReplaceableRow:
    """One operation with a hard form; errors are of the function, for x from -8 to 8."""

    node: str
    op: str
    becomes: str
    reason: str
    is_gate: bool
    elements: int
    max_error: float
    rms_error: float


@lru_cache(maxsize=32)
def list_replaceable(model: str, data: str = "sample") -> tuple[ReplaceableRow, ...]:
    """The operations of a model that have a hard form, in order; empty where there are none.

    Raises:
        GraphError: there is no such model.
        DataError: there are no such data.
    """
    return tuple(
        ReplaceableRow(
            node=row.node,
            op=row.op,
            becomes=row.form.op,
            reason=row.form.reason,
            is_gate=row.is_gate,
            elements=row.elements,
            max_error=row.form.max_error,
            rms_error=row.form.rms_error,
        )
        for row in replaceable(open_model(model, data))
    )


def start_replacement(
    model: str,
    data: str = "sample",
    *,
    skip: Sequence[str] = (),
    epochs: int = 1,
    images: int = 4000,
    with_control: bool = False,
    measure_only: bool = False,
    request_id: str | None = None,
) -> str:
    """Queue a replacement and return its job's id; the result is the report.

    Args:
        model: a base model or an uploaded one.
        data: a registered data set.
        skip: operations to leave alone, by `ReplaceableRow.node`.
        epochs: of fine-tuning; 0 leaves it out.
        images: training images of an epoch, at most.
        with_control: train the original just as long, as a yardstick.
        measure_only: compile and time both nets; train and keep nothing.
        request_id: the user's intent, so that a double click is one job.

    Raises:
        GraphError: there is no such model, or nothing is left to replace.
    """
    names = [row.node for row in list_replaceable(model, data)]
    if not set(names) - set(skip):
        msg = f"Nothing is chosen to be replaced in {ascii(model[:80])}: pick at least one row."
        raise GraphError(msg)
    payload = {
        "model": model,
        "data": data,
        "skip": [name for name in names if name in set(skip)],
        "epochs": epochs,
        "images": images,
        "with_control": with_control,
        "measure_only": measure_only,
    }
    # beside a search it would disturb that one's latencies, so it takes the same lane
    return submit(
        open_database(),
        "replace_model",
        payload,
        lane="search",
        subject=f"model:{model}",
        request_id=request_id,
    )
