"""The candidate that is finalised: its dense net, plan and data, and what it reached so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.config.search_file import parse_config
from backend.data.image_data import ImageData
from backend.data.registry import NAMED, open_data
from backend.search.preparation import open_base_model, pattern_sets_of
from backend.search.records import SearchError
from backend.search.search_device import LOCAL
from backend.search.trial_lookup import find_trial
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.storage.artifacts import open_artifacts
from backend.storage.database import Database
from backend.storage.kept_folders import KeptFolders
from backend.storage.settings import Settings
from backend.storage.tables import Finalization, Search
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph

FINAL = "final"
"""A finished net's id is its finalisation's with `-final` behind."""


@dataclass(frozen=True)
class SourceFacts:
    """What a finalisation's row says of its source, before anything is opened.

    Attributes:
        source: id of the trial, or the folder that was given.
        search_id: of the trial's search; None for a folder.
        model: the dense net: zoo name, the user's model or a file.
        choices: label of each pruned layer's choice.
        record: what the candidate reached; empty for a folder.
        dense: what the search's dense net reached; empty for a folder.
    """

    source: str
    search_id: str | None
    model: str
    data: str
    device: str
    choices: Mapping[str, str]
    record: Mapping[str, Any]
    dense: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Source:
    """A source opened: what the runs start from."""

    facts: SourceFacts
    dense: Graph
    candidate: Candidate
    data: ImageData
    pattern_sets: Mapping[str, PatternSet]

    def before(self, folders: KeptFolders) -> Graph | None:
        """The candidate as it is now, where its files are still there."""
        if self.facts.search_id is None:
            place = Path(self.facts.source)
        else:
            place = folders.path(str(self.facts.record["folder"]))
        path = place / "graph.safetensors"
        return load_graph(path) if path.is_file() else None


def trial_facts(trial_id: str, database: Database) -> SourceFacts:
    """Look a finished trial up.

    Raises:
        SearchError: there is none, it has not finished, or it is dense everywhere.
    """
    if trial_id.endswith(f"-{FINAL}"):
        msg = f"{trial_id} is finalised already: finalise the candidate that it came from"
        raise SearchError(msg)
    search, trial, _ = find_trial(database, trial_id)
    if trial.state != "done":
        msg = f"candidate {trial_id} is {trial.state}: only a finished one can be finalised"
        raise SearchError(msg)
    candidate = _candidate(trial.params)
    if not candidate.choices:
        msg = f"candidate {trial_id} is dense everywhere: there is nothing to prune again"
        raise SearchError(msg)
    return SourceFacts(
        source=trial_id,
        search_id=search.id,
        model=search.model,
        data=search.data,
        device=search.device,
        choices={name: choice.label for name, choice in candidate.choices},
        record=dict(trial.record),
        dense=dict(search.dense or {}),
    )


def facts_of(row: Finalization, database: Database) -> SourceFacts:
    """The facts of a finalisation that was queued before.

    Raises:
        SearchError: its search or trial is gone.
    """
    if row.search_id is not None:
        return trial_facts(row.source, database)
    choices = {str(name): str(label) for name, label in row.candidate.items()}
    return SourceFacts(row.source, None, row.model, row.data, LOCAL, choices, {}, {})


def open_source(facts: SourceFacts, database: Database, settings: Settings) -> Source:
    """Open the dense net and the data.

    Raises:
        SearchError: the data set is gone.
        PunchcardError: model or data cannot be opened, or do not fit each other.
    """
    if facts.data not in NAMED and not Path(facts.data).expanduser().exists():
        msg = (
            f"the data set {facts.data!r} of candidate {facts.source} is gone: put it back, "
            "or run the search again on another one"
        )
        raise SearchError(msg)
    data = open_data(facts.data)
    pattern_name = "natural-8"
    if facts.search_id is None:
        dense = open_base_model(facts.model, facts.data, data, database, open_artifacts(settings))
    else:
        with database.read() as session:
            search = session.get_one(Search, facts.search_id)
        config = parse_config(search.config, f"search {facts.search_id}")
        pattern_name = config.space.patterns
        kept = settings.artifacts / "searches" / facts.search_id / "base.safetensors"
        dense = (
            load_graph(kept)
            if kept.is_file()
            else open_base_model(facts.model, facts.data, data, database, open_artifacts(settings))
        )
    if dense.preprocessing is None:
        dense = replace(dense, preprocessing=data.preprocessing)
    candidate = _candidate(facts.choices)
    names = {choice.patterns for _, choice in candidate.choices if choice.scheme == "pattern"}
    sets: dict[str, PatternSet] = {}
    for name in sorted(names or {pattern_name}):
        sets |= pattern_sets_of(name, dense, database)
    return Source(facts, dense, candidate, data, sets)


def _candidate(choices: Mapping[str, str]) -> Candidate:
    return Candidate(tuple((name, LayerChoice.parse(label)) for name, label in choices.items()))
