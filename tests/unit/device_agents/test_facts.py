"""The probe script over recorded devices, and what is read of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from codegen.targets import target_for
from device_agents.errors import DeviceError
from device_agents.facts import DeviceFacts, parse_facts

PROBE = Path(__file__).parents[3] / "device_agents" / "probe.sh"
PI5 = """processor\t: 0
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU part\t: 0xd0b

processor\t: 1
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU part\t: 0xd0b

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


def probe(home: Path, sysroot: Path | None = None, **environment: str) -> str:
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), **environment}
    if sysroot is not None:
        variables["SYSROOT"] = str(sysroot)
    script = PROBE.read_text()
    command = ["sh", "-c", script, "sh", "1024"]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout


def recorded(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_computer_tells_what_a_build_and_a_deployment_need(tmp_path: Path) -> None:
    facts = parse_facts(probe(tmp_path))
    assert facts.arch == os.uname().machine
    assert facts.bits == 64
    assert facts.cores == os.cpu_count()
    assert facts.folder == str(tmp_path)
    assert facts.folder_free_bytes > 1024**2
    assert facts.hash_tool
    assert not facts.emulated
    assert facts.fastest_core in facts.allowed_cores
    assert list(tmp_path.iterdir()) == []


def test_recorded_raspberry_pi_gets_its_target(tmp_path: Path) -> None:
    cores = {f"sys/devices/system/cpu/cpu{i}/cpufreq/cpuinfo_max_freq": "2400000" for i in (0, 1)}
    root = recorded(
        tmp_path / "pi",
        {
            "proc/cpuinfo": PI5,
            "proc/device-tree/model": "Raspberry Pi 5 Model B\0",
            "proc/meminfo": "MemTotal:  8000000 kB\nMemAvailable: 7000000 kB\n",
            "proc/loadavg": "0.25 0.1 0.0 1/100 5\n",
            "proc/self/status": "Cpus_allowed_list:\t0-1\n",
            "sys/class/thermal/thermal_zone0/temp": "48300\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
            **cores,
        },
    )
    facts = parse_facts(probe(tmp_path, root, PROBE_ARCH="aarch64"))
    assert facts.model == "Raspberry Pi 5 Model B"
    assert facts.cores == 2
    assert facts.parts == ("0xd0b", "0xd0b")
    assert facts.core_khz == ((0, 2_400_000), (1, 2_400_000))
    assert facts.temperatures_c == (48.3,)
    assert facts.governor == "ondemand"
    assert facts.load == 0.25
    assert facts.memory_bytes == 8_192_000_000
    assert target_for(facts.to_json()).name == "aarch64-a76"


def test_folder_that_holds_releases_stays_the_one(tmp_path: Path) -> None:
    (tmp_path / "other" / "punchcard" / "releases").mkdir(parents=True)
    facts = parse_facts(probe(tmp_path, TMPDIR=str(tmp_path / "other")))
    assert facts.folder == str(tmp_path / "other")


def test_folder_where_programs_may_not_run_is_passed_over(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    script = 'mount -t tmpfs -o noexec tmpfs "$HOME" && exec sh -c "$0" sh 1'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(tmp_path)}
    result = subprocess.run(
        [*command, PROBE.read_text()],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    facts = parse_facts(result.stdout)
    assert facts.refused_folders == (f"programs may not run: {home}",)
    assert facts.folder
    assert facts.folder != str(home)


def test_missing_home_is_passed_over(tmp_path: Path) -> None:
    facts = parse_facts(probe(tmp_path / "absent", TMPDIR=str(tmp_path)))
    assert facts.folder
    assert "absent" not in facts.folder


@pytest.mark.parametrize("text", ["", "bits=64\n", "welcome\n", "arch=\n"])
def test_answer_without_an_architecture_is_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="POSIX shell"):
        parse_facts(text)


@pytest.mark.parametrize(
    "line",
    [
        "cores=many",
        "allowed=x-y,,9-",
        "memory_kib=-1",
        "load=fast",
        "core_khz_x=1",
        "bits=" + "9" * 99,
    ],
)
def test_nonsense_from_a_device_does_not_stop_the_probe(line: str) -> None:
    facts = parse_facts(f"arch=aarch64\n{line}\n")
    assert facts.arch == "aarch64"
    assert facts.cores == 1


def test_processor_of_the_computer_beneath_shows_emulation() -> None:
    assert parse_facts("arch=aarch64\nfeature_key=flags\n").emulated
    assert not parse_facts("arch=aarch64\nfeature_key=Features\n").emulated
    assert parse_facts("arch=x86_64\nfeature_key=flags\nemulated=qemu-user\n").emulated


def test_fastest_core_is_of_the_biggest_cluster() -> None:
    facts = DeviceFacts(
        "aarch64", 64, "", allowed_cores=(0, 1, 2, 3), core_khz=((0, 1), (1, 1), (2, 9), (3, 1))
    )
    assert facts.fastest_core == 2
    assert DeviceFacts("aarch64", 64, "").fastest_core is None
