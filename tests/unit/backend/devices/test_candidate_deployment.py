"""A candidate onto this computer: taken as it is, or built again from its graph."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.devices.compilation import compile_graph
from backend.devices.deploy import STEPS, candidate_source, deploy_candidate, rollback_device
from backend.devices.turn import DeviceTurn
from backend.models.zoo import build_model
from backend.search.trainers import GateTimeoutError
from backend.storage.settings import load_settings
from codegen.errors import PunchcardError
from codegen.package import Package, PackageError
from codegen.targets import host_target, load_target
from device_agents.release import DEPLOY_STEPS, Step
from tests.fixtures.packages import hand_package
from tests.fixtures.toolchain import toolchain_cache


@pytest.fixture(autouse=True)
def shared_toolchain(private_home: Path) -> None:
    settings = load_settings()
    settings.make_folders()
    (settings.cache / "toolchain").symlink_to(toolchain_cache(), target_is_directory=True)


@pytest.fixture
def foreign(tmp_path: Path) -> Package:
    """A small net built for another architecture."""
    graph = build_model("resnet8", input_shape=(1, 8, 8), classes=3, width=0.5)
    return compile_graph(graph, load_target("aarch64-generic"), tmp_path / "arm")


def test_every_step_is_told_and_the_report_is_complete(tmp_path: Path) -> None:
    package = hand_package(tmp_path / "p")
    steps: list[Step] = []
    report = deploy_candidate(package.folder, "local", steps.append)
    assert [step.name for step in steps if step.state != "running"] == list(STEPS)
    assert [step["name"] for step in report["steps"]] == list(STEPS)
    assert report["release"] == package.id
    assert report["verified"] is True
    assert report["unchanged"] is False
    assert report["latency_ms"] > 0
    assert report["max_relative_error"] < 1e-4


def test_package_of_another_architecture_is_built_again_from_its_graph(foreign: Package) -> None:
    report = deploy_candidate(foreign.folder, "local", lambda _step: None)
    assert report["target"] == host_target().full_name
    assert report["verified"]
    assert report["release"] != foreign.id


def test_tuned_deployment_measures_first_and_still_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCHCARD_TIMING_LOCK", str(tmp_path / "lock"))
    graph = build_model("resnet8", input_shape=(1, 8, 8), classes=3, width=0.5)
    package = compile_graph(graph, host_target(), tmp_path / "p")
    steps: list[Step] = []
    report = deploy_candidate(package.folder, "local", steps.append, tune_seconds=0.3)
    assert report["verified"]
    told = [step.message for step in steps if (step.name, step.state) == ("build", "running")]
    assert any(text.startswith("tuning, round 1") for text in told)
    assert (load_settings().home / "tuning.json").is_file()


def test_package_without_a_graph_names_the_target_to_compile_for(tmp_path: Path) -> None:
    package = hand_package(tmp_path / "p", target=load_target("aarch64-generic"))
    steps: list[Step] = []
    with pytest.raises(PackageError, match=f"--target {host_target().name}"):
        deploy_candidate(package.folder, "local", steps.append)
    assert (steps[-1].name, steps[-1].state) == ("build", "failed")


def test_trial_s_folder_gives_its_package_and_graph(foreign: Package, tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    trial.mkdir()
    shutil.move(foreign.folder / "graph.safetensors", trial / "graph.safetensors")
    shutil.move(foreign.folder, trial / "package")
    source = candidate_source(trial / "package")
    assert source.graph == trial / "graph.safetensors"


@pytest.mark.parametrize("candidate", ["/no/such/folder", "no-such-trial", ""])
def test_unknown_candidate_is_told(candidate: str, tmp_path: Path) -> None:
    with pytest.raises(PunchcardError) as error:
        deploy_candidate(candidate or tmp_path, "local", lambda _step: None)
    assert "\n" not in str(error.value)


def test_rollback_reports_the_same_fields(tmp_path: Path) -> None:
    first = hand_package(tmp_path / "a")
    deploy_candidate(first.folder, "local", lambda _step: None)
    deployed = deploy_candidate(hand_package(tmp_path / "b", seed=1).folder, "local", print)
    report = rollback_device("local", lambda _step: None)
    assert report["release"] == first.id
    assert report["previous"] == deployed["release"]
    assert set(report) <= set(deployed)


def test_deployment_has_the_device_for_itself(tmp_path: Path) -> None:
    held: list[bool] = []

    def look(step: Step) -> None:
        if step.name in DEPLOY_STEPS and step.state == "running":
            with pytest.raises(GateTimeoutError):
                DeviceTurn("local", load_settings(), timeout_s=0.0).__enter__()
            held.append(True)

    deploy_candidate(hand_package(tmp_path).folder, "local", look)
    assert held
    with DeviceTurn("local", load_settings(), timeout_s=0.0):
        pass
