"""Statistics of a measurement, and that packages take turns."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from device_agents.errors import ConnectionFailedError, SelfTestError
from device_agents.measurement import Measurement, measure_in_turns
from device_agents.reply import Reply
from device_agents.self_test import RunPlan, run_self_test


class FakeDevice:
    """Answers each self-test with a report and remembers which folder was asked."""

    def __init__(self, **report: object) -> None:
        self.folders: list[str] = []
        self.report = {
            "samples_ms": [1.0, 2.0, 3.0],
            "median_ms": 2.0,
            "max_relative_error": 1e-6,
            "peak_rss_bytes": 5,
            "pinned": True,
        } | report
        self.status = 0
        self.errors = b""

    def run(self, argv: Sequence[str], _seconds: float) -> Reply:
        self.folders.append(argv[4])
        mark = argv[2].split("'")[3]
        text = f"{mark}\n{json.dumps(self.report)}\n{mark} {self.status}\n"
        return Reply(0, text.encode(), self.errors)


def test_packages_take_turns() -> None:
    device = FakeDevice()
    found = measure_in_turns(device.run, [("a", "/a"), ("b", "/b")], RunPlan(core=1), rounds=3)
    assert device.folders == ["/a", "/b"] * 3
    assert [one.package for one in found] == ["a", "b"]
    assert found[0].samples_ms == (1.0, 2.0, 3.0) * 3
    assert found[0].core == 1


def test_core_is_not_claimed_where_it_was_not_pinned() -> None:
    device = FakeDevice(pinned=False)
    assert measure_in_turns(device.run, [("a", "/a")], RunPlan(core=1), rounds=1)[0].core is None


def test_spread_is_the_median_absolute_deviation_and_bursts_are_unstable() -> None:
    steady = Measurement("p", ((1.0, 1.1, 0.9, 1.0, 1.05),), 0.0, 0, None)
    assert steady.median_ms == 1.0
    assert steady.spread_ms == pytest.approx(0.05)
    assert steady.is_stable
    bursts = Measurement("p", ((1.0,) * 9 + (2.0,) * 2,), 0.0, 0, None)
    assert not bursts.is_stable
    assert bursts.to_json()["stable"] is False


@pytest.mark.parametrize("error", [1e-3, -1.0, float("nan")])
def test_device_s_word_is_not_taken_for_the_limit(error: float) -> None:
    """A device may end with 0 and still report numbers that are off."""
    device = FakeDevice(max_relative_error=error)
    with pytest.raises(SelfTestError, match="differs"):
        run_self_test(device.run, "/a", RunPlan())


@pytest.mark.parametrize(
    ("status", "errors", "words"),
    [
        (132, b"Illegal instruction", "lacks an instruction"),
        (
            126,
            b"sh: ./model: Exec format error",
            "another architecture",
        ),
        (126, b"./model has unexpected e_type: 2", "F-Droid"),
        (137, b"Killed", "killed"),
        (4, b"model: the self-test differs by 0.5", "differs by 0.5"),
        (139, b"", "signal 11"),
    ],
)
def test_reason_of_a_failed_self_test_is_told(status: int, errors: bytes, words: str) -> None:
    device = FakeDevice()
    device.status, device.errors = status, errors
    with pytest.raises(SelfTestError, match=words):
        run_self_test(device.run, "/a", RunPlan())


def test_damaged_report_is_a_lost_answer() -> None:
    device = FakeDevice(samples_ms="none")
    with pytest.raises(ConnectionFailedError):
        run_self_test(device.run, "/a", RunPlan())
