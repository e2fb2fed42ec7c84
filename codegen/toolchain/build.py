"""A source bundle becomes an ELF: objects from the cache, one link, the same bytes everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codegen.bundle import SourceBundle
from codegen.targets.target import Target
from codegen.toolchain.compiler import Compiler, Sanitizers
from codegen.toolchain.runner_sources import runner_sources
from codegen.toolchain.workshop import Workshop


@dataclass(frozen=True)
class Binary:
    """A program for one target.

    Attributes:
        elf: The file's bytes.
        log: What the compiler printed; empty when everything came from the cache.
        compiler_id: Name and version of the compiler.
        digest: SHA-256 of ``elf``.
    """

    elf: bytes
    log: str
    compiler_id: str
    digest: str


def build(
    bundle: SourceBundle,
    target: Target,
    *,
    compiler: Compiler | None = None,
    cache_dir: Path,
    sanitize: Sanitizers = False,
    on_step: Callable[[str], None] | None = None,
) -> Binary:
    """Compile and link a bundle together with the runner.

    Args:
        bundle: C files and headers; microkernel files recur over bundles and are compiled once.
        target: What to build for.
        compiler: zig by default; with ``sanitize`` this computer's clang or gcc.
        cache_dir: Folder of objects, programs, logs and zig's own cache; shared by processes.
        sanitize: Address and undefined-behaviour checks, or those of threads; for this computer's
            targets only.
        on_step: Told in words what is being done when it takes time.

    Raises:
        ToolchainError: No compiler, or it failed; the message holds the first error, the generated
            line it is in, and where the log is.
    """
    shop = Workshop.opened(target, compiler, cache_dir, sanitize, on_step)
    units = shop.compile_files(bundle, runner_sources())
    flags = shop.compiler.link_flags(target, sanitize=sanitize)
    elf, link_log = shop.assemble(
        units,
        # The libraries stand behind the objects that need them.
        lambda names: (*shop.compiler.argv, *names, *flags, "-o", "model"),
        "model",
        "the program",
        message=f"linking for {target.triple} (the first time its C library is prepared, once)",
    )
    log = "".join(unit.log for unit in units) + link_log
    return Binary(elf, log, shop.compiler.id, hashlib.sha256(elf).hexdigest())
