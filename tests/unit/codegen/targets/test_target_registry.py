"""Which target a machine gets, and what the registry refuses."""

from __future__ import annotations

import pytest

from codegen.errors import ToolchainError
from codegen.targets.registry import (
    TARGETS,
    cpu_features,
    cpu_parts,
    host_target,
    load_target,
    target_for,
)

_V4 = "avx512f avx512bw avx512cd avx512dq avx512vl avx2 fma bmi1 bmi2 f16c movbe abm sse2"
_A76 = "fp asimd crc32 atomics fphp asimdhp asimddp lrcpc"


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"arch": "x86_64", "features": _V4, "libc": "glibc 2.36"}, "x86_64-avx512"),
        ({"arch": "x86_64", "features": _V4.replace("avx512vl", "")}, "x86_64-avx2+musl"),
        ({"arch": "amd64", "features": "sse2", "libc": "glibc 2.28"}, "x86_64-generic"),
        (
            {"arch": "aarch64", "features": "fp asimd crc32", "parts": "0xd03"},
            "aarch64-generic+musl",
        ),
        (
            {
                "arch": "aarch64",
                "features": "fp asimd crc32",
                "parts": ["0xd08"] * 4,
                "libc": "glibc 2.31",
            },
            "aarch64-a72",
        ),
        ({"arch": "aarch64", "features": _A76, "libc": "glibc 2.36"}, "aarch64-a76"),
        ({"arch": "aarch64", "features": _A76, "libc": "bionic"}, "aarch64-a76+musl"),
        (
            {"arch": "aarch64", "bits": 32, "features": "asimd", "libc": "glibc 2.31"},
            "armv7-neon",
        ),
        ({"arch": "armv7l", "features": "neon vfpv4", "libc": "glibc 2.27"}, "armv7-neon+musl"),
    ],
)
def test_target_is_chosen_by_what_the_processor_says(facts: dict[str, object], name: str) -> None:
    assert target_for(facts).full_name == name


@pytest.mark.parametrize(
    "facts", [{"arch": "riscv64", "features": "asimd"}, {"arch": "armv7l", "features": "half"}, {}]
)
def test_processor_without_a_target_is_refused_in_one_sentence(facts: dict[str, object]) -> None:
    with pytest.raises(ToolchainError, match="no target runs on") as error:
        target_for(facts)
    assert "\n" not in str(error.value)


def test_this_computer_has_a_target() -> None:
    assert host_target().name in TARGETS
    assert load_target("host") == host_target()


def test_full_names_are_read_back() -> None:
    for target in TARGETS.values():
        for libc in ("gnu", "musl"):
            variant = target.with_libc(libc)
            assert load_target(variant.full_name) == variant
            assert libc in variant.triple


@pytest.mark.parametrize("name", ["", "aarch64-a99", "aarch64-a72+bionic", "../host", "-o"])
def test_unknown_target_is_refused(name: str) -> None:
    with pytest.raises(ToolchainError, match="unknown"):
        load_target(name)


def test_features_are_those_of_every_core() -> None:
    text = "Features\t: a b c\nCPU part\t: 0xd03\n\nFeatures\t: b c d\nCPU part\t: 0xd08\n"
    assert cpu_features(text) == ("b", "c")
    assert cpu_parts(text) == ("0xd03", "0xd08")


def test_vectors_fit_the_registers_of_the_instruction_set() -> None:
    lanes = {"avx512": 16, "avx2": 8, "sse2": 4, "neon": 4}
    for target in TARGETS.values():
        assert target.vector_floats == lanes[target.isa], target.name
        assert target.registers in (16, 32)
