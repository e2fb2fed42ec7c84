"""A study with as many finished trials as one asks for, made in seconds; results are invented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, distribution_to_json
from sqlalchemy import MetaData, insert, select

from backend.search.preparation import Prepared
from backend.search.samplers import make_sampler
from backend.search.study import SearchStudy, open_storage
from backend.storage.database import Database

_CHUNK = 500


def make_large_study(database: Database, prepared: Prepared, name: str, count: int) -> SearchStudy:
    """A study of a search's space with `count` finished trials, attributes as real ones have.

    Rows are inserted directly: Optuna takes some ten milliseconds for each trial.

    Args:
        database: where Optuna's tables stand or shall stand.
        prepared: the search.
        name: of the study, which must be new.
        count: finished trials, each another candidate.

    Returns:
        The study, with the search's own sampler.
    """
    config = prepared.config
    sampler = make_sampler(config.sampler, config.seed, prepared.problem)
    storage = open_storage(database.url)
    study = SearchStudy(storage, name, prepared.space, sampler, config.seed)
    study_id = storage.get_study_id_from_name(name)
    tables = MetaData()
    with database.write() as session:
        tables.reflect(session.connection(), only=lambda table, _: table.startswith("trial"))
        trials = tables.tables["trials"]
        newest = session.scalar(select(trials.c.trial_id).order_by(trials.c.trial_id.desc()))
        rows: dict[str, list[dict[str, Any]]] = {}
        for number, trial in enumerate(_finished(prepared, count)):
            trial_id = (newest or 0) + 1 + number
            for table, row in _rows(prepared, trial, trial_id, number, study_id):
                rows.setdefault(table, []).append(row)
            if number % _CHUNK == _CHUNK - 1 or number == count - 1:
                for table in ("trials", "trial_values", "trial_params", "trial_user_attributes"):
                    session.execute(insert(tables.tables[table]), rows.pop(table))
        if database.path is None:  # PostgreSQL counts by itself
            session.connection().exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('trials', 'trial_id'), "
                f"{(newest or 0) + count})"
            )
    return study


def _finished(prepared: Prepared, count: int) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(0)
    problem, seen = prepared.problem, set[str]()
    dense_ms = sum(max(costs.values()) for costs in problem.cost.values())
    while len(seen) < count:
        labels = prepared.space.draw(random)
        digest = prepared.space.candidate(labels).digest
        if digest in seen:
            continue
        seen.add(digest)
        layer_ms = {layer: problem.cost[layer][label] for layer, label in labels.items()}
        damage = sum(problem.damage[layer][label] for layer, label in labels.items())
        latency_ms = sum(layer_ms.values())
        yield {
            "labels": labels,
            "candidate": digest,
            "draw": len(seen) - 1,
            "accuracy": 0.92 - 0.02 * damage + 0.003 * float(random.standard_normal()),
            "accuracy_se": 0.006,
            "loss": 0.3 + 0.1 * damage,
            "rate": 3.0,
            "size_bytes": 100_000,
            "memory_bytes": 200_000,
            "seconds": {"repair_s": 1.0, "fine_tune_s": 20.0},
            "latency_ms": latency_ms,
            "raw_latency_ms": latency_ms,
            "latency_spread_ms": 0.01 * latency_ms,
            "dense_latency_ms": dense_ms,
            "speedup": dense_ms / latency_ms,
            "is_unstable": False,
            "layer_ms": layer_ms,
            "max_relative_error": 1e-6,
            "verified": True,
            "folder": f"artifacts/searches/large/{digest[:16]}",
            "cached": False,
        }


def _rows(
    prepared: Prepared, trial: dict[str, Any], trial_id: int, number: int, study_id: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    labels = trial.pop("labels")
    begun = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(seconds=number)
    yield (
        "trials",
        {
            "trial_id": trial_id,
            "number": number,
            "study_id": study_id,
            "state": "COMPLETE",
            "datetime_start": begun,
            "datetime_complete": begun + timedelta(seconds=30),
        },
    )
    for objective, key in enumerate(("accuracy", "latency_ms")):
        yield (
            "trial_values",
            {
                "trial_id": trial_id,
                "objective": objective,
                "value": trial[key],
                "value_type": "FINITE",
            },
        )
    for layer, label in labels.items():
        distribution = CategoricalDistribution(prepared.space.labels[layer])
        yield (
            "trial_params",
            {
                "trial_id": trial_id,
                "param_name": layer,
                "param_value": float(distribution.to_internal_repr(label)),
                "distribution_json": distribution_to_json(distribution),
            },
        )
    for key, value in trial.items():
        attribute = {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
        yield "trial_user_attributes", attribute
