"""Instructions of the group convolution's inner loops on 64-bit ARM, against the ideal count.

No ARM processor is timed here, so that the count stands for speed: kernels.md section 8 counts 31
instructions for 24 FMAs of a tile 8 x 3, 32 for 4 x 6 (the FMAs, loads of inputs and weights, one
offset, two pointers, a branch). Prefetching costs five more, which that count does not have.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from codegen.kernels.microkernel import Microkernel
from codegen.render.microkernel_file import render_microkernel
from codegen.targets.registry import load_target
from codegen.toolchain.compiler import zig_compiler
from tests.fixtures.toolchain import toolchain_cache

MOST_OVER_IDEAL = 1.35
IDEAL = {(8, 3): 31, (4, 6): 32}

# Counted with zig 0.17's clang; a compiler may move by a few.
COUNTED = {
    ("aarch64-a76", (8, 3)): 36,
    ("aarch64-a76", (4, 6)): 38,
    ("aarch64-a72", (8, 3)): 36,
    ("aarch64-a72", (4, 6)): 38,
    ("aarch64-generic", (8, 3)): 36,
    ("aarch64-generic", (4, 6)): 38,
}

_BRANCH = re.compile(r"(?:b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+(\.L\w+)")


def _assembly(kernel: Microkernel, target_name: str, folder: Path) -> str:
    source, compiler = render_microkernel(kernel), zig_compiler()
    (folder / source.name).write_text(source.text, encoding="utf-8")
    flags = [flag for flag in compiler.compile_flags(load_target(target_name)) if flag != "-c"]
    zig = str(toolchain_cache() / "zig" / "global")
    subprocess.run(
        [
            *compiler.argv,
            *flags,
            "-Wno-unused-command-line-argument",
            "-S",
            source.name,
            "-o",
            "x.s",
        ],
        cwd=folder,
        check=True,
        env={"ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": str(folder), "HOME": zig},
    )
    return (folder / "x.s").read_text(encoding="utf-8")


def _shortest_loop(assembly: str, fmas: int) -> list[str]:
    """Instructions from a label to a branch back to it that hold so many multiply-adds."""
    labels: dict[str, int] = {}
    instructions: list[str] = []
    found: list[list[str]] = []
    for line in (raw.split("//")[0].strip() for raw in assembly.splitlines()):
        if line.endswith(":"):
            labels[line[:-1]] = len(instructions)
        elif line and not line.startswith("."):
            instructions.append(line)
            branch = _BRANCH.match(line)
            if branch and branch[1] in labels:
                body = instructions[labels[branch[1]] :]
                if sum(one.startswith("fmla") for one in body) == fmas:
                    found.append(body)
    return min(found, key=len)


@pytest.mark.parametrize(("target", "tile"), list(COUNTED), ids=str)
def test_inner_loops_stay_near_the_ideal_count(
    target: str, tile: tuple[int, int], tmp_path: Path
) -> None:
    kernel = Microkernel("conv_group", "neon", 4, "relu", tile)
    loop = _shortest_loop(_assembly(kernel, target, tmp_path), tile[0] * tile[1])
    assert len(loop) <= MOST_OVER_IDEAL * IDEAL[tile], "\n".join(loop)
    assert abs(len(loop) - COUNTED[target, tile]) <= 3, f"counted {len(loop)}: bring the table up"
    # Nothing is kept on the stack.
    assert not any("[sp" in one for one in loop), "\n".join(loop)
