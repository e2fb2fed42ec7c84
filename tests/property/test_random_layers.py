"""Generated C against torch on random layers, under address and undefined-behaviour checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from codegen.targets.registry import TARGETS, cpu_features, host_target
from tests.fixtures.arm_userland import arm_userland
from tests.fixtures.compiled_graph import random_inputs, relative_error, run_compiled, run_torch
from tests.fixtures.random_layers import Case, build_graph, layer_cases
from tests.fixtures.sshd import tool

PER_PROGRAM = 66
PROGRAMS = 8  # together more than 500 layers

# Building costs seconds, so a failure is told by its layer instead of being shrunk.
_SETTINGS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def _check(
    cases: list[Case],
    target_name: str | None,
    folder: Path,
    *,
    sanitize: bool,
    emulator: Sequence[str] = (),
) -> None:
    graph = build_graph(cases)
    inputs = random_inputs(graph, seed=len(cases))
    target = TARGETS[target_name] if target_name else host_target()
    # A second run finds whatever the first one left in padding.
    got = run_compiled(
        graph, target, inputs, folder, sanitize=sanitize, repeat=2, emulator=emulator
    )
    wanted = run_torch(graph, inputs)
    for case, one, other in zip(cases, got, wanted, strict=True):
        assert relative_error(one, other) <= 1e-4, case


@pytest.mark.timeout(900)
def test_random_layers_equal_torch_under_sanitizers(tmp_path: Path) -> None:
    """More than 500 layers of every kind, at sizes around the vector and tile boundaries."""

    @settings(_SETTINGS, max_examples=PROGRAMS)
    @given(cases=st.lists(layer_cases, min_size=PER_PROGRAM, max_size=PER_PROGRAM))
    def check(cases: list[Case]) -> None:
        _check(cases, None, tmp_path, sanitize=True)

    check()


@pytest.mark.parametrize("name", ["x86_64-avx2", "x86_64-generic"])
def test_narrower_vectors_give_the_same_results(name: str, tmp_path: Path) -> None:
    """The same layers for targets with 8 and 4 lanes."""
    features = frozenset(cpu_features(Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    if not TARGETS[name].runs_on(features):
        pytest.skip(f"this processor does not run {name}")

    @settings(_SETTINGS, max_examples=1)
    @given(cases=st.lists(layer_cases, min_size=PER_PROGRAM, max_size=PER_PROGRAM))
    def check(cases: list[Case]) -> None:
        _check(cases, name, tmp_path, sanitize=False)

    check()


def test_arm_gives_the_same_results(tmp_path: Path) -> None:
    """Layers of every kind for aarch64, translated by QEMU."""
    emulator = (tool("qemu-aarch64-static"), "-cpu", "cortex-a76", "-L", str(arm_userland()))

    @settings(_SETTINGS, max_examples=1)
    @given(cases=st.lists(layer_cases, min_size=PER_PROGRAM, max_size=PER_PROGRAM))
    def check(cases: list[Case]) -> None:
        _check(cases, "aarch64-a76", tmp_path, sanitize=False, emulator=emulator)

    check()
