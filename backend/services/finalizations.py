"""Finalisations (NPAS phase 3) as the page and the command line see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from backend.config.finalize_file import FinalizeSettings, parse_finalize
from backend.config.plan_file import load_plan
from backend.data.registry import open_data
from backend.finalization.contestants import CONTESTANTS
from backend.finalization.records import first_rows
from backend.finalization.source import SourceFacts, trial_facts
from backend.jobs.clock import now_s
from backend.jobs.queue import add_job, new_id, request_stop, resume
from backend.jobs.states import RESUMABLE, JobState, Wanted
from backend.search.preparation import open_base_model
from backend.search.records import SearchError
from backend.search.search_device import LOCAL
from backend.services.times import to_datetime
from backend.services.views import Json
from backend.storage.artifacts import open_artifacts
from backend.storage.database import Database
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Finalization, Job


@dataclass(frozen=True, kw_only=True)
class ContestantChoice:
    """A contestant that can be chosen."""

    name: str
    title: str
    says: str


@dataclass(frozen=True, kw_only=True)
class FinalizationView:
    """A finalisation as it stands.

    Attributes:
        contestants: {name, title, state, history, loss, loss_se, accuracy, accuracy_se, behind,
            behind_se, seconds, updates, error}, in their order; numbers once they are known.
        full_run: {state, winner, epochs, history, updates} of the winner.
        result: the finished net's record, with `test` {final, before, dense}.
        candidate_id: id of the finished net, once it is verified.
    """

    id: str
    job_id: str
    source: str
    model: str
    data: str
    state: str
    phase: str
    message: str
    done: int
    total: int
    error: str | None
    settings: Json
    contestants: tuple[Json, ...]
    full_run: Json
    winner: str | None
    result: Json | None
    candidate_id: str | None
    cancel_requested: bool
    can_resume: bool
    created_at: datetime


def contestant_choices() -> tuple[ContestantChoice, ...]:
    """All contestants, in the order in which they run."""
    return tuple(
        ContestantChoice(name=name, title=row.title, says=row.says)
        for name, row in CONTESTANTS.items()
    )


def default_settings() -> dict[str, Any]:
    """The settings of a finalisation where nothing is chosen."""
    return FinalizeSettings().model_dump(mode="json")


def start_finalization(
    candidate_id: str, settings: Mapping[str, Any] | None = None, *, request_id: str | None = None
) -> str:
    """Queue the finalisation of a finished trial and return its id.

    Args:
        candidate_id: of a finished trial.
        settings: those that are not the default's.
        request_id: the user's intent: the same one again returns the same finalisation.

    Raises:
        SearchError: there is no such candidate, or it cannot be finalised.
        ConfigError: the settings have problems.
    """
    checked = parse_finalize(settings or {})
    database = open_database()
    return _queue(database, trial_facts(candidate_id, database), checked, request_id)


def start_from_plan(
    folder: Path,
    *,
    model: str,
    plan: Path,
    data: str,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Queue the finalisation of a folder made by `compile`: a package holds no dense weights.

    Args:
        folder: the package; what it computes is compared with the result.
        model: the dense net it was pruned from.
        plan: PLAN.yaml that it was pruned by.
        data: registered data set or path.
        settings: those that are not the default's.

    Raises:
        PunchcardError: one of them cannot be opened, or they do not fit together.
    """
    checked = parse_finalize(settings or {})
    database = open_database()
    images = open_data(data)
    graph = open_base_model(model, data, images, database, open_artifacts(load_settings()))
    candidate = load_plan(plan, graph)
    if not candidate.choices:
        msg = f"{plan.name} leaves every layer dense: there is nothing to prune"
        raise SearchError(msg)
    facts = SourceFacts(
        source=str(folder.absolute()),
        search_id=None,
        model=model,
        data=data,
        device=LOCAL,
        choices={name: choice.label for name, choice in candidate.choices},
        record={},
        dense={},
    )
    return _queue(database, facts, checked, None)


def _queue(
    database: Database, facts: SourceFacts, settings: FinalizeSettings, request_id: str | None
) -> str:
    with database.write() as session:
        if request_id is not None:
            query = select(Finalization).where(Finalization.request_id == request_id)
            known = session.scalar(query)
            if known is not None:
                return known.id
        finalization_id = new_id()[:8]
        job = add_job(
            session,
            "finalize",
            {"finalization": finalization_id},
            lane="search",
            subject=f"finalize:{finalization_id}",
        )
        session.add(
            Finalization(
                id=finalization_id,
                job_id=job.id,
                request_id=request_id,
                source=facts.source,
                search_id=facts.search_id,
                model=facts.model,
                data=facts.data,
                settings=settings.model_dump(mode="json"),
                candidate=dict(facts.choices),
                contestants=first_rows(settings.contestants),
                folder=f"{_relative_artifacts()}/finalizations/{finalization_id}",
                created_at=now_s(),
            )
        )
        return finalization_id


def _relative_artifacts() -> str:
    settings = load_settings()
    return settings.artifacts.relative_to(settings.home).as_posix()


def get_finalization(finalization_id: str) -> FinalizationView:
    """One finalisation; `last` is the newest one.

    Raises:
        SearchError: there is none.
    """
    with open_database().read() as session:
        if finalization_id == "last":
            newest = select(Finalization).order_by(Finalization.created_at.desc()).limit(1)
            row = session.scalar(newest)
        else:
            row = session.get(Finalization, finalization_id)
        if row is None:
            msg = f"there is no finalisation {finalization_id!r}"
            raise SearchError(msg)
        return _view(row, session.get_one(Job, row.job_id))


def list_finalizations(source: str) -> tuple[FinalizationView, ...]:
    """The finalisations of a candidate, newest first."""
    query = (
        select(Finalization, Job)
        .join(Job, Job.id == Finalization.job_id)
        .where(Finalization.source == source)
        .order_by(Finalization.created_at.desc(), Finalization.id)
    )
    with open_database().read() as session:
        return tuple(_view(row, job) for row, job in session.execute(query))


def cancel_finalization(finalization_id: str) -> None:
    """Ask a finalisation to end; what has ended stays.

    Raises:
        SearchError: there is none.
    """
    request_stop(open_database(), get_finalization(finalization_id).job_id, Wanted.CANCEL)


def pause_finalization(finalization_id: str) -> None:
    """Ask a finalisation to stop until it is resumed.

    Raises:
        SearchError: there is none.
    """
    request_stop(open_database(), get_finalization(finalization_id).job_id, Wanted.PAUSE)


def resume_finalization(finalization_id: str) -> str:
    """Queue a stopped finalisation again; it goes on at its last checkpoint.

    Raises:
        SearchError: there is none.
        JobError: it is done, or still stopping.
    """
    view = get_finalization(finalization_id)
    resume(open_database(), view.job_id)
    return view.id


def _view(row: Finalization, job: Job) -> FinalizationView:
    return FinalizationView(
        id=row.id,
        job_id=job.id,
        source=row.source,
        model=row.model,
        data=row.data,
        state=job.state,
        phase=job.phase,
        message=job.message,
        done=job.done,
        total=job.total,
        error=job.error,
        settings=row.settings,
        contestants=tuple(row.contestants),
        full_run=row.full_run or {},
        winner=row.winner,
        result=row.result,
        candidate_id=None if row.result is None else str(row.result["id"]),
        cancel_requested=job.wanted is not None,
        can_resume=JobState(job.state) in RESUMABLE,
        created_at=to_datetime(row.created_at),
    )
