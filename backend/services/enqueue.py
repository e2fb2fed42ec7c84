"""A candidate that a user wants a search to try next: checked here, taken up by its runner."""

from __future__ import annotations

from sqlalchemy import select

from backend.config.plan_file import parse_plan
from backend.config.search_file import parse_config
from backend.jobs.clock import now_s
from backend.jobs.states import JobState
from backend.search.legality import why_outside
from backend.search.preparation import open_space
from backend.search.records import SearchError
from backend.search.study_view import read_study
from backend.search.trial_lookup import find_trial
from backend.services.searches import find_search
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import preset_patterns
from backend.storage.artifacts import open_artifacts
from backend.storage.database import Database
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import AskedCandidate, Search

ORIGIN_LENGTH = 100


def enqueue_plan(search_id: str, plan: str, origin: str = "a plan") -> str:
    """Ask a search to try a plan next; it counts as any other candidate of its budget.

    Args:
        search_id: of the search; "last" is the newest.
        plan: text of PLAN.yaml. Layers that the search does not vary have to be dense.
        origin: what it is called in the list of candidates.

    Returns:
        The search's id.

    Raises:
        PlanError: the plan is none, or does not fit the model.
        SearchError: there is no such search, it has ended, a choice is not on its menus, or it
            knows the candidate already.
    """
    database, settings = open_database(), load_settings()
    row, job = find_search(database, search_id)
    _refuse_ended(row, job.state)
    config = parse_config(row.config, f"search {row.id}")
    opened = open_space(config, database, open_artifacts(settings))
    sets = preset_patterns() | opened.pattern_sets
    candidate = parse_plan(plan, opened.graph, name=origin, pattern_sets=sets)
    reason = why_outside(opened.space, candidate)
    if reason is not None:
        msg = f"{origin} is not in the space of search {row.id}: {reason}"
        raise SearchError(msg)
    _refuse_known(database, row, candidate, origin)
    labels = {layer: choice.label for layer, choice in candidate.choices}
    with database.write() as session:
        session.add(
            AskedCandidate(
                search_id=row.id,
                candidate=labels,
                origin=origin[:ORIGIN_LENGTH],
                created_at=now_s(),
            )
        )
    return row.id


def enqueue_candidate(search_id: str, trial_id: str) -> str:
    """As `enqueue_plan`, of a candidate of this or another search.

    Raises:
        SearchError: as `enqueue_plan`; or there is no such candidate.
    """
    from backend.config.plan_file import write_plan

    _, trial, _ = find_trial(open_database(), trial_id)
    choices = {name: LayerChoice.parse(label) for name, label in trial.params.items()}
    return enqueue_plan(search_id, write_plan(Candidate.of(choices)), f"candidate {trial_id}")


def _refuse_ended(row: Search, state: str) -> None:
    if state == JobState.DONE:
        msg = (
            f"search {row.id} has spent its budget: raise it first, as in "
            f"punchcard search --change {row.id} --trials {row.finished_trials + 1}"
        )
        raise SearchError(msg)


def _refuse_known(database: Database, row: Search, candidate: Candidate, origin: str) -> None:
    if not candidate.choices:
        msg = f"{origin} leaves every layer dense: that is the baseline, which every search has"
        raise SearchError(msg)
    for trial in read_study(database.url, row.study_name).trials:
        if trial.record.get("candidate") == candidate.digest:
            known = f"{row.id}-{trial.number} ({trial.state})"
            msg = f"search {row.id} knows this candidate already: it is {known}"
            raise SearchError(msg)
    query = select(AskedCandidate).where(
        AskedCandidate.search_id == row.id, AskedCandidate.taken.is_(False)
    )
    labels = {layer: choice.label for layer, choice in candidate.choices}
    with database.read() as session:
        if any(dict(asked.candidate) == labels for asked in session.scalars(query)):
            msg = f"search {row.id} has been asked to try this candidate already"
            raise SearchError(msg)
