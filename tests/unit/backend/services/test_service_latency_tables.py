"""Tables as the page reads them, over real files, jobs and this computer's own facts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.config.errors import ConfigError
from backend.devices.registry import open_agent
from backend.latency.errors import LatencyError
from backend.latency.table_store import TableStore
from backend.search.search_device import LOCAL, open_device
from backend.services import devices, jobs, latency_tables
from backend.services.devices import DeviceRefusedError
from backend.storage.settings import load_settings
from tests.unit.backend.latency.chain_truth import draw, run_of, table


def test_a_device_has_the_tables_of_its_kind_the_largest_first() -> None:
    store = TableStore(load_settings())
    with open_agent(LOCAL) as agent:
        facts = agent.probe().to_json()
    with open_device(LOCAL, load_settings()) as device:
        here = {"identity": device.identity, "name": "other"}
        store.write("small", replace(table(3), device=here, target=device.target))
        store.write("large", replace(table(9), device=here, target=device.target))
    store.write("foreign", table(20))
    local = devices.get_device(LOCAL)
    assert latency_tables.tables_of(replace(local, facts=facts)) == ("large", "small")
    assert latency_tables.tables_of(replace(local, facts=None)) == ()
    assert latency_tables.tables_of(replace(local, facts={"arch": "x86_64"})) == ()


def test_a_view_has_the_error_of_fresh_candidates() -> None:
    known = table(12)
    run = run_of(draw(np.random.default_rng(3)), role="check")
    checked = replace(run, predicted_ms=1.1 * run.latency_ms)
    TableStore(load_settings()).write("mine", known.with_runs([checked]))
    view = latency_tables.list_tables()[0]
    assert (view.name, view.programs, view.nets[0].checks) == ("mine", 12, 1)
    assert view.nets[0].is_checked
    assert view.nets[0].error is not None
    assert view.nets[0].error.median == pytest.approx(0.1, abs=1e-4)
    assert 0 < view.twice <= view.entries


def test_a_file_goes_out_and_comes_in_again() -> None:
    TableStore(load_settings()).write("mine", table(4))
    content = latency_tables.table_file("mine")
    name = latency_tables.bring_in_table("theirs.json", content)
    assert latency_tables.table_file(name) == content
    latency_tables.remove_table(name)
    with pytest.raises(LatencyError, match="theirs"):
        latency_tables.bring_in_table("theirs.json", b"{}")


def test_a_build_is_queued_only_for_what_there_is() -> None:
    job = jobs.get_job(latency_tables.start_table(LOCAL, "resnet8", "sample", minutes=2.0))
    assert (job.kind, job.state) == ("build_latency_table", "queued")
    with pytest.raises(DeviceRefusedError, match="no device"):
        latency_tables.start_table("nowhere", "resnet8", "sample")
    with pytest.raises(ConfigError, match="no menu"):
        latency_tables.start_table(LOCAL, "resnet8", "no such menu")
    assert {"sample", "npas", "full"} <= set(latency_tables.menu_names())
