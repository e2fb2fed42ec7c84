"""Timing in turns, the machine's peak, the results file, and one net from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.bench.elf_text import text_bytes
from backend.bench.errors import BenchError
from backend.bench.net_bench import floor_ms, measure_graph
from backend.bench.peak import MachinePeak, machine_peak
from backend.bench.results_file import ResultsFile
from backend.bench.turns import take_turns
from backend.cli.main import main
from backend.models.zoo import build_model
from backend.storage.settings import Settings
from codegen.targets.registry import host_target
from tests.fixtures.toolchain import toolchain_cache


class Fake:
    def __init__(self, name: str, ms: float, log: list[str]) -> None:
        self.name, self.ms, self.log = name, ms, log

    def samples_ms(self, repeat: int) -> list[float]:
        self.log.append(self.name)
        return [self.ms] * repeat


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own that shares compiled objects and C libraries with other tests."""
    own = Settings(home=tmp_path / "home")
    own.make_folders()
    own.cache.mkdir(exist_ok=True)
    (own.cache / "toolchain").symlink_to(toolchain_cache())
    return own


def test_turns_rotate_and_short_runs_repeat_more() -> None:
    log: list[str] = []
    taken = take_turns([Fake("slow", 100.0, log), Fake("fast", 1.0, log)], 3, seconds=0.4)
    # The first turn of each tries how long a run is; the order turns round by round.
    assert log == ["slow", "slow", "fast", "fast", "fast", "slow", "slow", "fast"]
    assert len(taken["slow"].samples_ms) == 3 * 4
    assert len(taken["fast"].samples_ms) == 3 * 400
    assert taken["fast"].median_ms == 1.0


def test_floor_adds_weights_only_beyond_the_cores_own_cache() -> None:
    peak = MachinePeak("t", 1, 100.0, ((1 << 20, 80.0), (64 << 20, 10.0)))
    assert floor_ms(50_000_000, 1 << 20, peak) == pytest.approx(1.0)
    assert floor_ms(50_000_000, 20_000_000, peak) == pytest.approx(1.0 + 2.0)
    assert peak.bandwidth_gbps(1 << 30) == 10.0


def test_results_file_takes_up_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    ResultsFile(path, ("net", "threads")).add({"net": "a", "threads": 1, "ms": 2.0})
    again = ResultsFile(path, ("net", "threads"))
    assert again.has(net="a", threads=1) and not again.has(net="a", threads=2)
    again.add({"net": "a", "threads": 1, "ms": 1.0})
    assert [row["ms"] for row in json.loads(path.read_text())["rows"]] == [1.0]
    path.write_text("[]")
    with pytest.raises(BenchError, match="holds no results"):
        ResultsFile(path, ("net",))


def test_peak_is_measured_once_and_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.bench.peak.READ_BYTES", (24 << 10, 8 << 20))
    first = machine_peak(host_target(), 1, settings=settings)
    assert first.gflops > 0.5
    assert first == machine_peak(host_target(), 1, settings=settings)
    small, large = first.read_gbps[0], first.read_gbps[-1]
    assert small[0] < large[0] and min(small[1], large[1]) > 0.1


def test_one_net_from_graph_to_row(settings: Settings) -> None:
    pytest.importorskip("onnxruntime")
    graph = build_model("resnet8")
    row = measure_graph(
        graph, host_target(), threads=1, rounds=1, settings=settings, say=lambda _line: None
    )
    assert row["max_relative_error"] < 1e-3  # dense layers may go by Winograd
    assert row["nonzero_macs"] == row["macs"] > 1e6
    assert 0 < row["peak_share"] < 1.5
    assert row["over_floor"] > 0.5
    assert 0.9 < row["weights_over_nonzeros"] < 1.5
    assert row["text_bytes"] > 4096
    assert row["start_ms"] > 0
    assert row["compile_s"]["generate"] > 0 and row["compile_s"]["build"] > 0


def test_text_of_a_program_and_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("no program")
    assert text_bytes(tmp_path / "note") == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--nets", "vgg19"], "no benchmark net"),
        (["--threads", "0"], "numbers from 1 to 64"),
        (["--threads", "two"], "numbers from 1 to 64"),
        (["--target", "z80"], "z80"),
    ],
)
def test_wrong_words_of_bench_nets(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "nets", *words]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line


def test_lock_that_was_inherited_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = "from backend.bench.turns import MachineLock\nwith MachineLock() as lock: lock.breathe()"
    argv = ["flock", str(path), sys.executable, "-c", code]
    subprocess.run(argv, check=True, timeout=60)
