"""The program around a model: files, limits, statistics, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from codegen.targets import host_target
from codegen.toolchain.build import build
from codegen.toolchain.compiler import cc_compiler
from tests.fixtures.hand_model import hand_bundle

RUN = "--weights w --input x"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runner")
    bundle, values, expected = hand_bundle()
    binary = build(
        bundle, host_target(), compiler=cc_compiler("gcc"), cache_dir=folder / "c", sanitize=True
    )
    (folder / "model").write_bytes(binary.elf)
    (folder / "model").chmod(0o755)
    for name, data in (
        ("w", bundle.weights),
        ("x", values.tobytes()),
        ("y", expected.tobytes()),
        ("short", bundle.weights[:-4]),
        ("altered", bundle.weights[:-8] + bytes(8)),
        ("long", bundle.weights + bytes(4)),
        ("nan", np.full_like(expected, np.nan).tobytes()),
        ("wrong", (expected + 0.01 * np.abs(expected).max()).tobytes()),
    ):
        (folder / name).write_bytes(data)
    return folder


def run(folder: Path, options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./model", *options.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_json_holds_every_sample_and_its_statistics(program: Path) -> None:
    result = run(program, f"{RUN} --repeat 9 --warmup 2 --profile --self-test y --json -")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert len(report["samples_ms"]) == 9
    assert report["median_ms"] == pytest.approx(np.median(report["samples_ms"]), abs=1e-6)
    assert report["p90_ms"] == pytest.approx(np.percentile(report["samples_ms"], 90), abs=1e-5)
    assert report["min_ms"] == min(report["samples_ms"])
    assert len(report["layers_ms"]) == 1
    assert 0 < report["peak_rss_bytes"] < 200e6


def test_output_file_equals_the_expected_one(program: Path) -> None:
    assert run(program, f"{RUN} --output out --json report.json").returncode == 0
    output = np.fromfile(program / "out", dtype="<f4")
    np.testing.assert_allclose(output, np.fromfile(program / "y", "<f4"), rtol=1e-4, atol=1e-5)
    assert json.loads((program / "report.json").read_text())["threads"] == 1
    assert not list(program.glob("*.part"))


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ("", 2, "needed"),
        (f"{RUN} --repeat 0", 2, "--repeat"),
        (f"{RUN} --repeat 1.5", 2, "whole"),
        (f"{RUN} --threads -1", 2, "--threads"),
        (f"{RUN} --threads 0", 2, "from 1 to 64"),
        (f"{RUN} --threads 1000", 2, "from 1 to 64"),
        (f"{RUN} --nonsense 1", 2, "unknown option"),
        (f"{RUN} --json", 2, "--json"),
        ("--weights absent --input x", 3, "absent"),
        ("--weights short --input x", 3, "1916 bytes"),
        ("--weights long --input x", 3, "needs 1920"),
        ("--weights altered --input x", 3, "damaged"),
        ("--weights w --input y", 3, "input file"),
        ("--weights . --input x", 3, "weights"),
        (f"{RUN} --output no/such/folder", 3, "output file"),
        (f"{RUN} --json no/such/folder", 3, "JSON"),
        (f"{RUN} --self-test wrong", 4, "differs"),
        (f"{RUN} --self-test nan", 4, "differs"),
        (f"{RUN} --repeat 1000000 --warmup 1000000 --profile --seconds 1", 6, "time limit"),
    ],
)
def test_each_failure_has_its_status_and_one_line(
    program: Path, options: str, status: int, words: str
) -> None:
    result = run(program, options)
    assert result.returncode == status, result.stderr
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("model: ")


def test_sampling_ends_when_its_time_is_spent(program: Path) -> None:
    result = run(program, f"{RUN} --repeat 1000000 --spend-ms 1 --json -")
    assert 3 <= len(json.loads(result.stdout)["samples_ms"]) < 1_000_000


def test_core_is_pinned(program: Path) -> None:
    core = min(os.sched_getaffinity(0))
    assert json.loads(run(program, f"{RUN} --core {core} --json -").stdout)["pinned"] is True
    assert json.loads(run(program, f"{RUN} --core 4000 --json -").stdout)["pinned"] is False
