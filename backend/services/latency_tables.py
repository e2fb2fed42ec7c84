"""Latency tables as the page sees them: list, build, share, forget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.config.search_file import parse_config
from backend.config.search_menus import MENUS
from backend.jobs.queue import submit
from backend.latency.entry import Entry
from backend.latency.measured_run import CHECK, FIT
from backend.latency.new_learner import checked_pairs, kept_pairs
from backend.latency.prediction_error import PredictionError
from backend.latency.table import LatencyTable
from backend.latency.table_store import StoredTable, TableStore
from backend.search.search_device import identity_of_json
from backend.services.devices import get_device
from backend.services.views import DeviceView, ErrorView, LatencyTableView, TableNetView
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from codegen.errors import PunchcardError
from codegen.targets.registry import load_target, target_for

TWICE = 2


def list_tables() -> tuple[LatencyTableView, ...]:
    """All tables of this installation, by name."""
    return tuple(_view(one) for one in TableStore(load_settings()).tables())


def tables_of(device: DeviceView) -> tuple[str, ...]:
    """Names of the tables that a search on a device may use, the one it would take first."""
    if not device.facts:
        return ()
    try:
        identity = identity_of_json(device.facts)
        target = load_target("host") if device.kind == "local" else target_for(device.facts)
    except (KeyError, PunchcardError):
        return ()
    fits = [
        one
        for one in TableStore(load_settings()).tables()
        if one.table.why_unfit(identity, target.full_name) is None
    ]
    return tuple(one.name for one in sorted(fits, key=lambda one: -len(one.table.runs_of(FIT))))


def menu_names() -> tuple[str, ...]:
    """Menus that a table can be built for by their name."""
    return tuple(MENUS)


def start_table(
    device: str,
    model: str,
    menu: str,
    *,
    data: str = "sample",
    minutes: float = 10.0,
    checks: int = 0,
    seed: int = 0,
    request_id: str | None = None,
) -> str:
    """Queue the build of a device's table and return the job's id.

    Raises:
        ConfigError: model, data, device or menu are none.
        DeviceRefusedError: there is no such device.
    """
    get_device(device)
    given: Mapping[str, Any] = {"model": model, "data": data, "device": device}
    config = parse_config({**given, "space": {"menu": menu}}, "the table")
    payload = {
        "config": config.model_dump(mode="json", exclude_none=True),
        "minutes": minutes,
        "checks": checks,
        "seed": seed,
    }
    return submit(
        open_database(),
        "build_latency_table",
        payload,
        subject=f"latency:{device}",
        request_id=request_id,
    )


def table_file(name: str) -> bytes:
    """A table as the file that can be shared.

    Raises:
        LatencyError: there is none of that name.
    """
    return TableStore(load_settings()).read(name).to_json().encode()


def bring_in_table(file_name: str, content: bytes) -> str:
    """Keep somebody's table and return its name here.

    Raises:
        LatencyError: the file is no latency table.
    """
    return TableStore(load_settings()).bring_in(content, ascii(file_name[:80])).name


def remove_table(name: str) -> None:
    """Forget a table.

    Raises:
        LatencyError: there is none of that name.
    """
    TableStore(load_settings()).remove(name)


def _view(stored: StoredTable) -> LatencyTableView:
    table = stored.table
    entries: list[Entry] = [entry for row in table.entries.values() for entry in row.values()]
    return LatencyTableView(
        name=stored.name,
        device=str(table.device.get("name", "")),
        cpu=str(table.device.get("cpu") or table.device.get("model") or ""),
        target=table.target,
        generator=table.generator,
        compiler=table.compiler,
        programs=len(table.runs_of(FIT)),
        entries=len(entries),
        twice=sum(entry.count >= TWICE for entry in entries),
        nets=tuple(_net_view(table, net) for net in table.nets),
    )


def _net_view(table: LatencyTable, net: str) -> TableNetView:
    checked = checked_pairs(table, net)
    pairs = checked or kept_pairs(table, net)
    error = PredictionError.of_pairs(pairs)
    return TableNetView(
        name=table.nets[net].name,
        dense_ms=table.nets[net].dense_ms,
        programs=len(table.runs_of(FIT, net)),
        checks=len(table.runs_of(CHECK, net)),
        is_checked=bool(checked),
        points=tuple(pairs),
        error=None if error is None else ErrorView(**error.to_json()),
    )
