"""Deployments and devices in words."""

from dataclasses import replace
from datetime import UTC, datetime

from app.viewmodels.deployments import (
    device_address,
    device_title,
    fact_rows,
    history_table,
    newest_for,
    probed,
    step_line,
    step_note,
    step_title,
    verdict,
)
from app.viewmodels.home_steps import home_steps
from app.viewmodels.worker_badge import worker_badge
from backend.services.views import (
    DeploymentView,
    DeviceView,
    SearchSummary,
    StepView,
    WorkerStatus,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DONE = DeploymentView(
    id="d",
    candidate_id="s-1",
    device="local",
    state="done",
    release="r1",
    verified=True,
    max_relative_error=2e-6,
    latency_ms=2.5,
    unchanged=False,
    steps=(),
    created_at=NOW,
)
PI = DeviceView(
    name="pi",
    kind="ssh",
    host="10.0.0.2",
    port=2222,
    user="pi",
    fingerprint="SHA256:x",
    facts={"cores": 4, "memory_bytes": 4_000_000_000, "isa": ["neon", "fma"], "none": None},
    probed_at=None,
    current_release=None,
    emulated=True,
)
SEARCH = SearchSummary(
    id="s",
    state="done",
    model="resnet20",
    data="sample",
    device="local",
    sampler="punchcard",
    created_at=NOW,
    finished_trials=24,
    total_trials=24,
    best_speedup=2.5,
)


def test_verdict_says_what_changed_and_by_how_much_outputs_differ() -> None:
    assert "Release r1 is now the current one" in verdict(DONE)
    assert "2.0e-06" in verdict(DONE)
    assert "2.500 ms" in verdict(DONE)
    assert "nothing changed" in verdict(replace(DONE, unchanged=True))
    assert "not checked" in verdict(replace(DONE, verified=False))
    assert verdict(replace(DONE, state="failed", error="no disk")) == "no disk"


def test_history_is_newest_first() -> None:
    later = replace(DONE, id="e", candidate_id="s-2", created_at=NOW.replace(hour=13))
    table = history_table([DONE, later])
    assert table["candidate"].tolist() == ["s-2", "s-1"]
    assert history_table([]).empty
    assert newest_for([DONE, later], "s-1") == DONE
    assert newest_for([], "s-1") is None


def test_step_shows_state_in_words_and_seconds() -> None:
    line = step_line(StepView(name="build", state="done", seconds=1.23, message=""))
    assert "done" in line
    assert "1.2 s" in line
    assert "waiting" in step_line(StepView(name="x", state="waiting", seconds=None, message=""))


def test_step_is_told_in_words_and_without_an_absolute_path() -> None:
    probe = StepView(name="probe", state="done", seconds=0.2, message="x86_64, /srv/home/devices")
    assert step_title(probe) == "look at the device"
    assert step_note(probe) == "x86_64"
    upload = replace(probe, name="upload", message="257052 bytes")
    assert step_note(upload) == "257.1 kB"
    assert step_title(replace(probe, name="new_step")) == "new step"
    assert step_note(replace(probe, message="384 kB and/or more")) == "384 kB and/or more"


def test_device_is_told_by_name_address_and_facts_with_units() -> None:
    assert device_title(PI) == "pi (emulated)"
    assert device_title(replace(PI, kind="local", emulated=False)) == "This computer"
    assert device_address(PI) == "pi@10.0.0.2:2222"
    assert fact_rows(PI) == [("cores", "4"), ("memory", "4.0 GB"), ("features", "neon fma")]
    assert probed(PI) == "not probed yet"


def test_home_marks_exactly_the_first_open_step_as_next() -> None:
    assert [s.state for s in home_steps([], [])] == ["next", "later", "later", "later", "later"]
    running = replace(SEARCH, state="running", finished_trials=3, best_speedup=None)
    assert [s.state for s in home_steps([running], [])] == [
        "done",
        "done",
        "next",
        "later",
        "later",
    ]
    assert [s.state for s in home_steps([SEARCH], [])][3:] == ["next", "later"]
    assert {s.state for s in home_steps([SEARCH], [DONE])} == {"done"}


def test_badge_of_a_dead_worker_says_how_to_start_it() -> None:
    dead = worker_badge(WorkerStatus(alive=False, last_seen=None, running=0, waiting=2))
    assert "punchcard worker" in dead.remedy
    assert dead.text.startswith("2 waiting")
    alive = worker_badge(WorkerStatus(alive=True, last_seen=NOW, running=1, waiting=0))
    assert alive.remedy == ""
