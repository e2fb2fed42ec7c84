"""The enhancement study as the page sees it: order one, watch it, read what came out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from backend.enhancement.errors import EnhancementError
from backend.enhancement.exhibit import unpack
from backend.enhancement.order import StudyOrder
from backend.enhancement.settings import METHOD_TITLES
from backend.jobs.inline import read_job
from backend.jobs.queue import submit
from backend.services.jobs import view_of
from backend.services.nets import NetView, base_of, list_nets
from backend.services.views import JobView, Json
from backend.storage.artifacts import open_artifacts, write_whole
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Job

__all__ = [
    "METHODS",
    "ExhibitView",
    "NetView",
    "SightView",
    "StudyView",
    "base_of",
    "default_order",
    "get_study",
    "list_nets",
    "list_studies",
    "pictures_zip",
    "picture_rows",
    "start_study",
]

KIND = "enhance"
METHODS: Mapping[str, str] = METHOD_TITLES
"""Titles of the methods by name, in the order in which they are shown."""
MOST_FILES = 50
MOST_FILE_BYTES = 20_000_000

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class SightView:
    """What both nets see: u8 maps (h, w) on one scale, or pictures (c, h, w)."""

    dense: Pixels
    pruned: Pixels


@dataclass(frozen=True, kw_only=True)
class ExhibitView:
    """A picture, u8 (c, h, w), with the class each net sees and the sights by method."""

    name: str
    image: Pixels
    dense_class: str
    pruned_class: str
    sights: Mapping[str, SightView]


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """A study: its job, and once that is done its report (see docs) and its pictures."""

    job: JobView
    order: Json
    report: Json | None
    exhibits: tuple[ExhibitView, ...]


def default_order() -> dict[str, Any]:
    """The order of a fresh form: the sample net and its version pruned on the spot."""
    return StudyOrder().to_json()


def start_study(
    order: Mapping[str, Any],
    files: Sequence[tuple[str, bytes]] = (),
    *,
    request_id: str | None = None,
) -> str:
    """Queue a study and return its job's id; the same `request_id` again returns the same.

    Nothing of the files is parsed here: the job does that.

    Args:
        order: fields of `StudyOrder`; those left out have its defaults.
        files: a user's own pictures, (name, content).
        request_id: the user's intent, so that a double click is one study.

    Raises:
        EnhancementError: the order is impossible, or the files are too many or too large.
    """
    checked = StudyOrder.from_json(order)
    if len(files) > MOST_FILES:
        msg = f"{len(files)} pictures were given: at most {MOST_FILES} are taken"
        raise EnhancementError(msg)
    settings = load_settings()
    database = open_database(settings)
    uploads = []
    for name, content in files:
        if len(content) > MOST_FILE_BYTES:
            msg = f"the picture {ascii(name[:80])} is larger than {MOST_FILE_BYTES // 10**6} MB"
            raise EnhancementError(msg)
        upload = secrets.token_hex(16)
        write_whole(settings.uploads / upload, content)
        uploads.append({"upload": upload, "name": name[:120]})
    payload = {"order": checked.to_json(), "files": uploads}
    return submit(database, KIND, payload, subject=KIND, request_id=request_id)


def list_studies(limit: int = 20) -> tuple[StudyView, ...]:
    """The newest studies without their reports and pictures, newest first."""
    query = select(Job).where(Job.kind == KIND).order_by(Job.created_at.desc(), Job.id)
    with open_database().read() as session:
        return tuple(
            StudyView(job=view_of(row), order=row.payload["order"], report=None, exhibits=())
            for row in session.scalars(query.limit(limit))
        )


def get_study(job_id: str) -> StudyView:
    """One study with all that came out.

    Raises:
        JobError: there is none of that id.
        EnhancementError: the job is another one.
        StorageError: what it kept is missing or damaged.
    """
    row = _row(job_id)
    job = view_of(row)
    if not job.result:
        return StudyView(job=job, order=row.payload["order"], report=None, exhibits=())
    store = open_artifacts(load_settings())
    exhibits = tuple(
        ExhibitView(
            name=item.name,
            image=item.image,
            dense_class=item.dense_class,
            pruned_class=item.pruned_class,
            sights={
                method: SightView(dense=sight.dense, pruned=sight.pruned)
                for method, sight in item.sights.items()
            },
        )
        for item in unpack(store.get(str(job.result["exhibits"])))
    )
    report: dict[str, Any] = json.loads(store.get(str(job.result["report"])))
    return StudyView(job=job, order=row.payload["order"], report=report, exhibits=exhibits)


def picture_rows(job_id: str) -> list[dict[str, Any]]:
    """A row for each picture, method and score of a finished study.

    Raises:
        EnhancementError: the study has not finished.
    """
    rows: list[dict[str, Any]] = json.loads(_artifact(job_id, "rows"))
    return rows


def pictures_zip(job_id: str) -> bytes:
    """The pictures of a finished study as PNG files in one zip.

    Raises:
        EnhancementError: the study has not finished.
    """
    return _artifact(job_id, "pictures")


def _artifact(job_id: str, name: str) -> bytes:
    result = _row(job_id).result
    if not result:
        msg = f"the study {job_id} has not finished: wait for it, or start it again"
        raise EnhancementError(msg)
    return open_artifacts(load_settings()).get(str(result[name]))


def _row(job_id: str) -> Job:
    row = read_job(open_database(), job_id)
    if row.kind != KIND:
        msg = f"the job {job_id} is no enhancement study"
        raise EnhancementError(msg)
    return row
