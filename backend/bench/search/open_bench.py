"""A bench opened: plan, journal, and tasks over real nets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from backend.bench.errors import BenchError
from backend.bench.journal import Journal
from backend.bench.search.bench_run import BenchRun
from backend.bench.search.net_facts import NetFacts
from backend.bench.search.plan import STITCHED, TRAINED, plan_of
from backend.bench.search.search_task import SearchTask
from backend.latency.signature import layer_signatures, net_digest
from backend.latency.table import LatencyTable
from backend.latency.table_store import TableStore, read_table
from backend.search.search_device import LOCAL, open_device
from backend.storage.settings import Settings

FLOORS = {STITCHED: 0.5, TRAINED: 0.84}
"""Accuracy of the reference point, fixed before any run. A net that was only stitched gains some
points by training, so half of all images right is where it begins to count; a trained one has to
come within ten points of the dense ResNet-20 (94 % of the sample's images)."""

OTHER_FLOORS = {STITCHED: (0.1, 0.84), TRAINED: (0.5, 0.9)}
"""Other reference points, shown beside it. The first is lenient, so that samplers which never get
to the other floors can still be told apart (a tenth of the images is right by chance); the second
is strict: within ten, and within four points of the dense net."""

GUESSED = "tiny"
"""Profile that does without a latency table."""


def open_bench(
    profile: str,
    settings: Settings,
    folder: Path,
    tables: Sequence[Path] = (),
    say: Callable[[str], None] = print,
) -> BenchRun:
    """Open a bench, new or begun.

    Raises:
        BenchError: there is no such profile, or the journal is damaged.
    """
    plan = plan_of(profile)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def open_task(net: str, fidelity: str) -> SearchTask:
        from backend.bench.search.net_task import NetTask

        facts = NetFacts(net, plan)
        facts.check()
        if profile != GUESSED:
            facts = NetFacts(net, plan, _table_of(facts, settings, tables))
        told = plan.told[net, fidelity]
        return NetTask(facts, fidelity, told, FLOORS[fidelity], folder)

    return BenchRun(plan, folder, Journal(folder / f"{profile}.jsonl"), open_task, FLOORS, say=say)


def _table_of(facts: NetFacts, settings: Settings, files: Sequence[Path]) -> LatencyTable:
    """The first file's table that has the net, else this computer's own.

    Raises:
        BenchError: there is none.
    """
    net = net_digest(layer_signatures(facts.graph, facts.space.labels))
    for file in files:
        table = read_table(file)
        if net in table.nets:
            return table
    with open_device(LOCAL, settings) as device:
        stored = TableStore(settings).fitting(device.identity, device.target, net)
    if stored is None or net not in stored.table.nets:
        msg = (
            f"no latency table has the layers of {facts.net}: build one by `punchcard bench table "
            f"--config FILE` with `model: {facts.net}` and this menu, or name its file by --table"
        )
        raise BenchError(msg)
    return stored.table
