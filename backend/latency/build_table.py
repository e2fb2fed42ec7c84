"""A latency table's front door: a search's configuration and a device in, a kept table out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from backend.bench.quiet_machine import QuietMachine
from backend.config.search_file import SearchConfig
from backend.devices.compilation import toolchain_cache
from backend.devices.turn import DeviceTurn
from backend.latency.errors import LatencyError
from backend.latency.measured_run import CHECK
from backend.latency.new_learner import table_pairs, with_cross_validation
from backend.latency.prediction_error import PredictionError
from backend.latency.program_batch import ProgramBench
from backend.latency.table import LatencyTable
from backend.latency.table_builder import TableBuilder
from backend.latency.table_store import TableStore, built_name
from backend.search.preparation import Prepared, prepare
from backend.search.search_device import LOCAL, SearchDevice, open_device
from backend.storage.artifacts import open_artifacts
from backend.storage.database import Database
from backend.storage.settings import Settings


@dataclass(frozen=True)
class BuiltTable:
    """What a build ended with.

    Attributes:
        name: of the table in the store.
        coverage: share of (layer shape, choice) pairs that ran twice or more.
        error: of its predictions for this net; None with too few programs.
        seconds: of this run, waiting for the machine included.
    """

    name: str
    table: LatencyTable
    coverage: float
    error: PredictionError | None
    seconds: float


def build_table(
    config: SearchConfig,
    *,
    settings: Settings,
    database: Database,
    minutes: float,
    most: int | None = None,
    checks: int = 0,
    seed: int = 0,
    on_progress: Callable[[float, str], None] = lambda _share, _text: None,
    check: Callable[[], None] = lambda: None,
) -> BuiltTable:
    """Build or go on building the table of a device for a net and its menus, then check it.

    Args:
        config: names device, model, data and menus; the rest of it does not matter.
        settings: the installation.
        database: of models and pattern sets.
        minutes: of building and measuring; after them no further batch begins, neither to learn
            nor to check. One of each is always made.
        most: programs to learn from, after which no further batch of them begins.
        checks: fresh candidates to compare predictions with; 0 for none.
        seed: of the candidates of the check.
        on_progress: told the share that is done, and what is being done.
        check: called between programs; raises to cancel. What was measured until then is kept.

    Raises:
        LatencyError: another process builds it, or nothing can be measured.
        PunchcardError: model, data or device do not allow it.
    """
    begin = time.monotonic()
    prepared = prepare(config, database, open_artifacts(settings))
    store = TableStore(settings)
    with open_device(config.device, settings) as device:
        name = built_name(config.device, device.identity, device.target)
        with store.held(name), tempfile.TemporaryDirectory(prefix="punchcard-table-") as folder:
            table = _begun(store, name, device)
            # waiting for others to end their measurements spends no minutes
            quiet = QuietMachine(settings) if config.device == LOCAL else None
            clock = time.monotonic if quiet is None else quiet.clock
            bench = ProgramBench(
                prepared.graph,
                prepared.pattern_sets,
                device,
                Path(folder),
                toolchain_cache(settings),
                quiet or DeviceTurn(config.device, settings),
            )
            builder = TableBuilder(
                prepared.graph,
                prepared.space,
                bench,
                table,
                model_name=config.model,
                store=lambda changed: store.write(name, changed),
                on_progress=on_progress,
                check=check,
            )
            end = clock() + 60.0 * minutes
            builder.build(lambda: bool(builder.table.runs) and clock() >= end, most=most)
            if checks:
                builder.check(
                    checks, seed, lambda: bool(builder.table.runs_of(CHECK)) and clock() >= end
                )
            return _result(store, name, prepared, builder, time.monotonic() - begin)


def _begun(store: TableStore, name: str, device: SearchDevice) -> LatencyTable:
    fresh = LatencyTable(
        device={"name": device.name, "identity": device.identity, **device.facts},
        target=device.target,
        compiler="",
        nets={},
    )
    if name not in store.names():
        return fresh
    known = store.read(name)
    if known.why_unfit(device.identity, device.target) is not None:
        return fresh  # made by another version: its times say nothing about this one's code
    return replace(known, device=fresh.device)


def _result(
    store: TableStore, name: str, prepared: Prepared, builder: TableBuilder, seconds: float
) -> BuiltTable:
    if not builder.table.runs:
        msg = "nothing was measured in this time: give it more minutes"
        raise LatencyError(msg)
    graph, labels = prepared.graph, prepared.space.labels
    table = with_cross_validation(graph, labels, builder.table)
    store.write(name, table)
    error = PredictionError.of_pairs(table_pairs(graph, labels, table))
    return BuiltTable(name, table, builder.coverage, error, seconds)
