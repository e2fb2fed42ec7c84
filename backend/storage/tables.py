"""Tables that stand beside Optuna's; types that SQLite and PostgreSQL share.

Times are seconds since the epoch (UTC), so that an injected clock can drive the leases.
Whatever may belong to someone has an owner column.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

JsonObject = dict[str, Any]


class Base(DeclarativeBase):
    """Root of the tables."""

    type_annotation_map = {
        str: String(200),
        float: Double,
        JsonObject: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


class Job(Base):
    """Work to do; (state, token) is what every change compares before it sets."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_lane", "state", "lane", "created_at"),
        Index("ix_jobs_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    lane: Mapped[str] = mapped_column(String(10))  # "search" or "short"
    subject: Mapped[str | None]  # two jobs of one subject never run at once
    state: Mapped[str] = mapped_column(String(12))
    wanted: Mapped[str | None] = mapped_column(String(8))  # "cancel", "pause" or nothing
    payload: Mapped[JsonObject]
    result: Mapped[JsonObject | None]
    error: Mapped[str | None] = mapped_column(Text)
    phase: Mapped[str] = mapped_column(default="")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    token: Mapped[int] = mapped_column(default=0)  # grows with each claim
    attempts: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)  # in a row, without a milestone between
    worker_id: Mapped[str | None] = mapped_column(String(40))
    heartbeat_at: Mapped[float | None]
    # Process group of the runner, so that another worker can end what is left of it.
    host: Mapped[str | None]
    pid: Mapped[int | None]
    pid_started_at: Mapped[float | None]
    request_id: Mapped[str | None] = mapped_column(unique=True)
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    updated_at: Mapped[float]


class JobEvent(Base):
    """History of a job: rows are only ever added."""

    __tablename__ = "job_events"
    __table_args__ = (UniqueConstraint("job_id", "number"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    number: Mapped[int]
    token: Mapped[int]
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(40))
    message: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[JsonObject | None]


class Worker(Base):
    """A worker process and when it was last alive."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    running: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[float]
    heartbeat_at: Mapped[float] = mapped_column(index=True)


class Search(Base):
    """A search; its state is the state of its job, its trials are in the Optuna study."""

    __tablename__ = "searches"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    request_id: Mapped[str | None] = mapped_column(unique=True)
    study_name: Mapped[str] = mapped_column(unique=True)
    config: Mapped[JsonObject]
    # What a resume must find unchanged: digests of model, data, space, training; made by the
    # first run.
    digests: Mapped[JsonObject | None]
    # {"budget": ..., "workers": ...} as changed after the start; nothing: as `config` says.
    control: Mapped[JsonObject | None]
    model: Mapped[str]
    data: Mapped[str]
    device: Mapped[str]
    sampler: Mapped[str] = mapped_column(String(40))
    total_trials: Mapped[int | None]
    finished_trials: Mapped[int] = mapped_column(default=0)
    best_speedup: Mapped[float | None]
    epochs_spent: Mapped[int] = mapped_column(default=0)
    phase: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(Text, default="")
    dense: Mapped[JsonObject | None]  # the baseline, as measured in this search
    front: Mapped[list[Any] | None]  # trial ids by latency
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    elapsed_s: Mapped[float] = mapped_column(default=0.0)  # sum over the runs
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float] = mapped_column(index=True)


class AskedCandidate(Base):
    """A candidate that somebody asked a search to try next, in the order of ids."""

    __tablename__ = "asked_candidates"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    search_id: Mapped[str] = mapped_column(String(32), ForeignKey("searches.id"), index=True)
    candidate: Mapped[JsonObject]
    origin: Mapped[str]  # what the user tried: a plan's name, a candidate's id
    taken: Mapped[bool] = mapped_column(Boolean, default=False)  # it stands in the study
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float]


class Evaluation(Base):
    """Result of one evaluation, found again by the hash of everything it depends on."""

    __tablename__ = "evaluations"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    search_id: Mapped[str | None] = mapped_column(String(32), index=True)
    candidate: Mapped[JsonObject | None]
    result: Mapped[JsonObject]
    folder: Mapped[str] = mapped_column(Text, default="")  # relative to the data folder
    created_at: Mapped[float]


class Device(Base):
    """A registered device; this computer needs no row until it was probed."""

    __tablename__ = "devices"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))  # "local" or "ssh"
    host: Mapped[str] = mapped_column(String(253), default="")
    port: Mapped[int] = mapped_column(default=22)
    user: Mapped[str] = mapped_column(String(64), default="")
    key_path: Mapped[str] = mapped_column(Text, default="")  # the key itself is never stored
    fingerprint: Mapped[str] = mapped_column(default="")
    facts: Mapped[JsonObject | None]
    emulated: Mapped[bool] = mapped_column(Boolean, default=False)
    current_release: Mapped[str | None]
    probed_at: Mapped[float | None]
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float]


class Deployment(Base):
    """One deployment or roll-back of a device."""

    __tablename__ = "deployments"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    candidate_id: Mapped[str]
    device: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(10))  # "deploy" or "rollback"
    release: Mapped[str | None]
    verified: Mapped[bool] = mapped_column(Boolean, default=False)
    unchanged: Mapped[bool] = mapped_column(Boolean, default=False)
    max_relative_error: Mapped[float | None]
    latency_ms: Mapped[float | None]
    steps: Mapped[list[Any]]  # {name, state, seconds, message}
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float] = mapped_column(index=True)


class Finalization(Base):
    """NPAS's phase 3 on one candidate; its state is the state of its job."""

    __tablename__ = "finalizations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    request_id: Mapped[str | None] = mapped_column(unique=True)
    source: Mapped[str] = mapped_column(Text, index=True)  # id of a trial, or a folder
    search_id: Mapped[str | None] = mapped_column(String(32))
    model: Mapped[str]
    data: Mapped[str] = mapped_column(Text)
    settings: Mapped[JsonObject]
    candidate: Mapped[JsonObject]  # {layer: label of its choice}
    contestants: Mapped[list[Any]]  # as they stand, in their order
    winner: Mapped[str | None] = mapped_column(String(64))
    full_run: Mapped[JsonObject | None]  # the winner's epochs
    result: Mapped[JsonObject | None]  # the finished net's record
    folder: Mapped[str] = mapped_column(Text)  # relative to the data folder
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float]


class PatternSetRow(Base):
    """A pattern set that a user drew or took from a model."""

    __tablename__ = "pattern_sets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    patterns: Mapped[list[Any]]  # 9 zeros and ones each
    note: Mapped[str] = mapped_column(Text, default="")
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float]


class UploadedModel(Base):
    """A model that a user brought; the graph is an artefact, the original is kept unopened."""

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str]
    graph_artifact: Mapped[str] = mapped_column(String(64))
    original_artifact: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[int]
    macs: Mapped[int]
    report: Mapped[JsonObject]
    owner: Mapped[str] = mapped_column(default="local")
    created_at: Mapped[float]
