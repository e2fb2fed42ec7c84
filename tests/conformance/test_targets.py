"""Every target's program computes what torch computes: here, or translated by QEMU."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from backend.devices.compilation import compile_graph
from backend.models.zoo import build_model
from backend.storage.settings import load_settings
from codegen.targets import TARGETS, load_target
from codegen.targets.registry import cpu_features
from tests.fixtures.arm_userland import arm_userland
from tests.fixtures.packages import hand_package
from tests.fixtures.sshd import tool
from tests.fixtures.toolchain import toolchain_cache

# QEMU's processor for each target; a wrong -mcpu dies there of an illegal instruction.
_QEMU_CPU = {
    "aarch64-generic": "cortex-a53",
    "aarch64-a72": "cortex-a72",
    "aarch64-a76": "cortex-a76",
    "aarch64": "cortex-a53",
}
_HERE = frozenset(cpu_features(Path("/proc/cpuinfo").read_text()))


def run_self_test(folder: Path, *before: str) -> dict[str, object]:
    options = "--weights weights.bin --input input.bin --self-test expected.bin --threads 2"
    result = subprocess.run(
        [*before, "./model", *options.split(), "--repeat", "2", "--json", "-"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, f"{result.returncode} {result.stderr}"
    return dict(json.loads(result.stdout))


@pytest.mark.parametrize("name", sorted(name for name in TARGETS if TARGETS[name].arch != "arm"))
def test_net_built_for_a_target_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    settings = load_settings()
    settings.make_folders()
    (settings.cache / "toolchain").symlink_to(toolchain_cache(), target_is_directory=True)
    target = load_target(name)
    graph = build_model("mobilenet_v2", input_shape=(3, 17, 15), classes=5, width=0.25)
    package = compile_graph(graph, target, tmp_path / "net", threads=2)
    if target.arch == "aarch64":
        qemu = tool("qemu-aarch64-static")
        before = (qemu, "-cpu", _QEMU_CPU[name], "-L", str(arm_userland()))
    else:
        before = ()
        if not target.runs_on(_HERE):
            pytest.skip(f"this computer lacks instructions of {name}")
    assert run_self_test(package.folder, *before)["max_relative_error"] < 1e-4


@pytest.mark.slow
@pytest.mark.timeout(1800)  # musl is built from source, once per architecture
@pytest.mark.parametrize(
    ("name", "qemu"),
    [("aarch64-a72+musl", "qemu-aarch64-static"), ("armv7-neon+musl", "qemu-arm-static")],
)
def test_static_program_for_an_unknown_c_library_runs(name: str, qemu: str, tmp_path: Path) -> None:
    package = hand_package(tmp_path / "p", target=load_target(name))
    assert b"ld-" not in package.program.read_bytes()[:4096]
    assert run_self_test(package.folder, tool(qemu))["max_relative_error"] < 1e-4
