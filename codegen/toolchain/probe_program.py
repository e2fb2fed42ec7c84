"""The program that measures what a machine can do at most, built as a model's program is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from codegen.errors import ToolchainError
from codegen.targets.target import Target
from codegen.toolchain.command import run_command
from codegen.toolchain.compiler import Compiler, zig_compiler
from codegen.toolchain.object_cache import ObjectCache, cache_key

_SOURCE = Path(__file__).parent / "probe" / "machine_peak.c"


def build_probe(target: Target, *, cache_dir: Path, compiler: Compiler | None = None) -> bytes:
    """Build `machine_peak` for a target.

    Args:
        target: Its vectors are the ones that are measured.
        cache_dir: Folder of objects and of zig's own cache, shared by processes.
        compiler: zig by default.

    Returns:
        The ELF's bytes.

    Raises:
        ToolchainError: No compiler, or it failed.
    """
    chosen = compiler or zig_compiler()
    text = _SOURCE.read_text(encoding="utf-8")
    flags = (*chosen.compile_flags(target), *chosen.link_flags(target))
    cache = ObjectCache(cache_dir / "objects")
    key = cache_key(["probe", chosen.id, *flags, text])
    found = cache.get(key)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="punchcard-probe-") as folder_name:
        folder = Path(folder_name)
        (folder / _SOURCE.name).write_text(text, encoding="utf-8")
        argv = (*chosen.argv, _SOURCE.name, *flags, "-o", "probe")
        result = run_command(argv, folder=folder, zig_cache=cache_dir / "zig")
        if result.status != 0:
            msg = f"{chosen.id} failed to build {_SOURCE.name}: {result.first_error}"
            raise ToolchainError(msg)
        elf = (folder / "probe").read_bytes()
    cache.put(key, elf)
    return elf
