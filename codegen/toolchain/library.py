"""A source bundle becomes a static and a shared library with the model's C interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from codegen.bundle import SourceBundle
from codegen.errors import ToolchainError
from codegen.targets.target import Target
from codegen.toolchain.compiler import Compiler, Sanitizers
from codegen.toolchain.workshop import Workshop

PREFIX = "punchcard"
_PREFIX_RULE = re.compile(r"[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True)
class Library:
    """A model to be linked into a program, or loaded by one.

    Attributes:
        static: An archive for the linker.
        shared: A shared object; only the C interface is seen from outside.
        header: Text of the C header for both.
        log: What the compiler printed; empty when everything came from the cache.
    """

    static: bytes
    shared: bytes
    header: str
    log: str


def build_library(
    bundle: SourceBundle,
    target: Target,
    *,
    prefix: str = PREFIX,
    compiler: Compiler | None = None,
    cache_dir: Path,
    sanitize: Sanitizers = False,
    on_step: Callable[[str], None] | None = None,
) -> Library:
    """Compile a bundle into libraries.

    Args:
        bundle: C files and headers.
        target: What to build for.
        prefix: Begins every name in C, so that a program can link several models.
        compiler: zig by default; with ``sanitize`` this computer's clang or gcc.
        cache_dir: Folder of objects, programs, logs and zig's own cache; shared by processes.
        sanitize: Run-time checks, for this computer's targets only.
        on_step: Told in words what is being done when it takes time.

    Raises:
        ToolchainError: The prefix is no name in C, there is no compiler, or it failed.
    """
    check_prefix(prefix)
    shop = Workshop.opened(target, compiler, cache_dir, sanitize, on_step)
    named = replace(
        bundle,
        files=tuple(replace(file, text=with_prefix(file.text, prefix)) for file in bundle.files),
    )
    units = shop.compile_files(named, {})
    archiver = shop.compiler.archiver
    static, static_log = shop.assemble(
        units,
        lambda names: (*archiver, "rcsD", "libmodel.a", *names),
        "libmodel.a",
        "the static library",
    )
    flags = shop.compiler.link_flags(target, sanitize=sanitize, is_shared=True)
    shared, shared_log = shop.assemble(
        units,
        lambda names: (*shop.compiler.argv, *names, *flags, "-o", "libmodel.so"),
        "libmodel.so",
        "the shared library",
        message=f"linking a library for {target.triple}",
    )
    log = "".join(unit.log for unit in units) + static_log + shared_log
    return Library(static, shared, named.source("model.h"), log)


def check_prefix(prefix: str) -> None:
    """Return when names in C may begin so.

    Raises:
        ToolchainError: They may not.
    """
    if not _PREFIX_RULE.fullmatch(prefix):
        msg = (
            f"prefix {prefix!r} cannot begin names in C: use lower-case letters, digits and "
            "underscores, a letter first, 31 at most"
        )
        raise ToolchainError(msg)


def with_prefix(text: str, prefix: str) -> str:
    """C text whose names begin with another prefix."""
    if prefix == PREFIX:
        return text
    text = re.sub(rf"\b{PREFIX}_", f"{prefix}_", text)
    return re.sub(rf"\b{PREFIX.upper()}_", f"{prefix.upper()}_", text)
