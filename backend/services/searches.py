"""Searches as the page and the command line see them: start, stop, watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.config import search_file
from backend.config.search_file import Budget
from backend.jobs.clock import now_s
from backend.jobs.queue import add_job, new_id, request_stop, resume
from backend.jobs.states import RESUMABLE, JobState, Wanted
from backend.search.control import LIMITS, Control
from backend.search.forecast_error import forecast_error
from backend.search.identity import differences
from backend.search.records import SearchError
from backend.search.study_view import StudyView, Trial, read_study
from backend.services.rung_scores import rung_score, rung_scores
from backend.services.times import to_datetime
from backend.services.views import (
    AskedCandidateView,
    ErrorView,
    ForecastView,
    Point,
    SearchSummary,
    SearchView,
    TrialRow,
)
from backend.storage.database import Database
from backend.storage.open_database import open_database
from backend.storage.tables import AskedCandidate, Job, Search

ETA_AFTER = 2  # finished trials, before a guess is worth anything


def default_config() -> dict[str, Any]:
    """The sample project's search, in the schema of CONFIG.yaml."""
    return search_file.default_config().model_dump(mode="json", exclude_none=True)


def validate_config(config: Mapping[str, Any]) -> list[str]:
    """Every problem of a configuration, one sentence each; empty when it can be started."""
    return search_file.problems(config)


def start_search(config: Mapping[str, Any], *, request_id: str | None = None) -> str:
    """Queue a search and return its id; the same `request_id` again returns the same search.

    Raises:
        ConfigError: the configuration has problems.
        SearchError: it names an earlier search that there is not.
    """
    checked = search_file.parse_config(config)
    with open_database().write() as session:
        if request_id is not None:
            known = session.scalar(select(Search).where(Search.request_id == request_id))
            if known is not None:
                return known.id
        for earlier in checked.warm_start:
            if session.get(Search, earlier) is None:
                msg = f"warm_start: there is no search {earlier!r}; take the id of an earlier one"
                raise SearchError(msg)
        search_id = new_id()[:8]
        job = add_job(
            session,
            "search",
            {"search_id": search_id},
            lane="search",
            subject=f"search:{search_id}",
            request_id=request_id,
        )
        session.add(
            Search(
                id=search_id,
                job_id=job.id,
                request_id=request_id,
                study_name=search_id,
                config=checked.model_dump(mode="json", exclude_none=True),
                model=checked.model,
                data=checked.data,
                device=checked.device,
                sampler=checked.sampler,
                total_trials=checked.budget.trials,
                created_at=now_s(),
            )
        )
        return search_id


def list_searches() -> tuple[SearchSummary, ...]:
    """All searches, newest first."""
    query = (
        select(Search, Job.state)
        .join(Job, Job.id == Search.job_id)
        .order_by(Search.created_at.desc(), Search.id)
    )
    with open_database().read() as session:
        return tuple(
            SearchSummary(state=state, **_summary(row)) for row, state in session.execute(query)
        )


def get_search(search_id: str) -> SearchView:
    """One search with its trials and its front; `last` is the newest one.

    Raises:
        SearchError: there is no such search.
    """
    database = open_database()
    row, job = find_search(database, search_id)
    study = read_study(database.url, row.study_name)
    front = tuple(str(trial_id) for trial_id in row.front or ())
    on_front = frozenset(front)
    running = job.state == JobState.RUNNING
    control = Control.of(row.config, row.control)
    elapsed_s = row.elapsed_s
    if running:  # the row holds the time up to the last result of this run
        counted = max(row.started_at or job.updated_at, study.last_end or 0.0)
        elapsed_s += max(0.0, now_s() - counted)
    return SearchView(
        state=job.state,
        **_summary(row),
        phase=job.phase,
        message=job.message,
        elapsed_s=elapsed_s,
        eta_s=_eta_s(row, control.budget, elapsed_s) if running else None,
        dense=_point(row.dense),
        trials=tuple(_trial_row(row, trial, study, on_front) for trial in study.trials),
        front=front,
        cancel_requested=job.wanted is not None,
        pause_requested=job.wanted == Wanted.PAUSE,
        can_resume=JobState(job.state) in RESUMABLE,
        error=job.error,
        job_id=job.id,
        config=row.config,
        budget=control.budget.model_dump(exclude_none=True),
        workers=control.workers,
        epochs_spent=row.epochs_spent,
        asked=_asked(database, row.id),
        forecast=_forecast(study),
    )


def cancel_search(search_id: str) -> None:
    """Ask a search to end; finished trials stay.

    Raises:
        SearchError: there is no such search.
    """
    _stop(search_id, Wanted.CANCEL)


def pause_search(search_id: str) -> None:
    """Ask a search to stop until it is resumed.

    Raises:
        SearchError: there is no such search.
    """
    _stop(search_id, Wanted.PAUSE)


def resume_search(
    search_id: str,
    executor: Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
) -> str:
    """Queue a stopped search again and return its id; it goes on at its last finished trial.

    Args:
        search_id: of the search; "last" is the newest.
        executor: keys to change in its section `executor`: a cluster has another address today.
        config: what the user takes the search to be. Its budget, workers and executor are
            taken up, anything else has to be as it was.

    Raises:
        SearchError: there is no such search, or it was started with another configuration; the
            message tells the differences.
        ConfigError: a configuration would not be valid.
        JobError: it is done, or still stopping.
    """
    database = open_database()
    row, job = find_search(database, search_id)
    place = dict(executor or {})
    if config is not None:
        asked = search_file.parse_config(config)
        _refuse_another(row, asked)
        place = asked.executor.model_dump(mode="json") | place
    if place:
        section = {**(row.config.get("executor") or {}), **place}
        moved = search_file.parse_config({**row.config, "executor": section})
        with database.write() as session:
            stored = session.get_one(Search, row.id)
            stored.config = moved.model_dump(mode="json", exclude_none=True)
    if config is not None:
        budget = asked.budget.model_dump(exclude_none=True)
        change_search(row.id, **{**dict.fromkeys(LIMITS, 0), **budget}, workers=asked.workers)
        _, job = find_search(database, row.id)
        if job.state == JobState.DONE:
            return row.id  # its budget is what it was
    resume(database, job.id)
    return row.id


def change_search(
    search_id: str,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    epochs: int | None = None,
    workers: int | None = None,
) -> str:
    """Give a search another budget or number of evaluators; it takes them up at its next step.

    What is None stays, 0 takes a limit away. A search that is done is queued again where the new
    budget leaves something to do.

    Returns:
        The search's id.

    Raises:
        SearchError: there is no such search, or nothing would limit it.
    """
    database = open_database()
    row, job = find_search(database, search_id)
    limits = {"trials": trials, "minutes": minutes, "epochs": epochs}
    with database.write() as session:
        stored = session.get_one(Search, row.id)
        before = Control.of(stored.config, stored.control)
        control = before.with_changes(limits, workers)
        stored.control = control.to_json()
        stored.total_trials = control.budget.trials
    if job.state == JobState.DONE and control.budget != before.budget:
        resume(database, job.id, has_more=True)
    return row.id


def _refuse_another(row: Search, asked: search_file.SearchConfig) -> None:
    old, new = (
        config.model_dump(mode="json", exclude={"budget", "workers", "executor"})
        for config in (search_file.parse_config(row.config, f"search {row.id}"), asked)
    )
    if old != new:
        msg = (
            f"search {row.id} cannot go on with another configuration: "
            f"{differences('settings', old, new)}; start a new one"
        )
        raise SearchError(msg)


def _stop(search_id: str, wanted: Wanted) -> None:
    database = open_database()
    _, job = find_search(database, search_id)
    request_stop(database, job.id, wanted)


def find_search(database: Database, search_id: str) -> tuple[Search, Job]:
    """Rows of a search and its job; `last` is the newest one.

    Raises:
        SearchError: there is no such search.
    """
    with database.read() as session:
        row = _newest(session) if search_id == "last" else session.get(Search, search_id)
        if row is None:
            msg = (
                "there is no search yet; start one with punchcard search CONFIG.yaml"
                if search_id == "last"
                else f"there is no search {search_id!r}"
            )
            raise SearchError(msg)
        return row, session.get_one(Job, row.job_id)


def _newest(session: Session) -> Search | None:
    return session.scalar(select(Search).order_by(Search.created_at.desc(), Search.id).limit(1))


def _asked(database: Database, search_id: str) -> tuple[AskedCandidateView, ...]:
    query = (
        select(AskedCandidate)
        .where(AskedCandidate.search_id == search_id, AskedCandidate.taken.is_(False))
        .order_by(AskedCandidate.id)
    )
    with database.read() as session:
        return tuple(
            AskedCandidateView(origin=row.origin, choices=dict(row.candidate))
            for row in session.scalars(query)
        )


def _forecast(study: StudyView) -> ForecastView | None:
    if not study.latency:
        return None
    done = (trial.record for trial in study.trials if trial.state == "done")
    begun = study.latency.get("error")
    error = forecast_error(done)
    return ForecastView(
        source=study.latency["source"],
        programs=study.latency["programs"],
        table_error=None if begun is None else ErrorView(**begun),
        error=None if error is None else ErrorView(**error.to_json()),
    )


def _summary(row: Search) -> dict[str, Any]:
    return {
        "id": row.id,
        "model": row.model,
        "data": row.data,
        "device": row.device,
        "sampler": row.sampler,
        "created_at": to_datetime(row.created_at),
        "finished_trials": row.finished_trials,
        "total_trials": row.total_trials or row.finished_trials,
        "best_speedup": row.best_speedup,
    }


def _eta_s(row: Search, budget: Budget, elapsed_s: float) -> float | None:
    """Seconds until the first limit of the budget is reached, at the pace so far."""
    guesses = []
    if row.finished_trials >= ETA_AFTER:
        if budget.trials is not None:
            left = max(0, budget.trials - row.finished_trials)
            guesses.append(elapsed_s / row.finished_trials * left)
        if budget.epochs is not None and row.epochs_spent:
            guesses.append(elapsed_s * max(0.0, budget.epochs / row.epochs_spent - 1))
    if budget.minutes is not None:
        guesses.append(max(0.0, 60 * budget.minutes - elapsed_s))
    return min(guesses, default=None)


def _point(dense: Mapping[str, Any] | None) -> Point | None:
    if dense is None:
        return None
    return Point(
        accuracy=dense["accuracy"],
        latency_ms=dense["latency_ms"],
        accuracy_se=dense.get("accuracy_se"),
        latency_spread_ms=dense.get("latency_spread_ms"),
        test_accuracy=dense.get("test_accuracy"),
        size_bytes=dense.get("size_bytes"),
        memory_bytes=dense.get("memory_bytes"),
        fidelity=dense.get("fidelity", "") if dense.get("rungs") else "",
        rungs=tuple(rung_score(found) for _, found in sorted(dense.get("rungs", {}).items())),
    )


def _trial_row(row: Search, trial: Trial, study: StudyView, front: frozenset[str]) -> TrialRow:
    trial_id = f"{row.id}-{trial.number}"
    scores = rung_scores(trial, row)
    score = study.test_scores.get(trial.number)
    record = trial.record
    return TrialRow(
        id=trial_id,
        number=trial.number,
        state=trial.state,
        accuracy=record.get("accuracy"),
        accuracy_se=record.get("accuracy_se"),
        latency_ms=record.get("latency_ms"),
        latency_spread_ms=record.get("latency_spread_ms"),
        speedup=record.get("speedup"),
        rate=record.get("rate"),
        max_relative_error=record.get("max_relative_error"),
        verified=bool(record.get("verified", False)),
        on_front=trial_id in front,
        candidate_label=trial.label,
        error=record.get("error"),
        test_accuracy=None if score is None else score["accuracy"],
        size_bytes=record.get("size_bytes"),
        memory_bytes=record.get("memory_bytes"),
        predicted_ms=record.get("predicted_ms"),
        fidelity=scores[-1].fidelity if scores else "",
        is_final=not scores or trial.rung == len(row.config["training"]["rungs"]) - 1,
        rungs=scores,
        origin=record.get("origin", ""),
    )
