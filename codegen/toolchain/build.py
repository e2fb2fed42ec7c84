"""A source bundle becomes an ELF: objects from the cache, one link, the same bytes everywhere."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from codegen.bundle import SourceBundle, SourceFile
from codegen.errors import ToolchainError
from codegen.targets.registry import TARGETS, portable_target
from codegen.targets.target import Target
from codegen.toolchain.command import run_command
from codegen.toolchain.compiler import Compiler, Sanitizers, sanitizer_compiler, zig_compiler
from codegen.toolchain.object_cache import ObjectCache, cache_key
from codegen.toolchain.runner_sources import runner_sources

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# Names are produced by the renderer; anything else never reaches a compiler's command line.
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}\.[ch]")
_PARALLEL = 2


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


@dataclass(frozen=True)
class _Workshop:
    compiler: Compiler
    target: Target
    cache: ObjectCache
    cache_dir: Path
    sanitize: Sanitizers


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
        ToolchainError: No compiler, or it failed; the message holds the first error and the log.
    """
    compiler = compiler or (sanitizer_compiler() if sanitize else zig_compiler())
    if sanitize and compiler.is_zig:
        msg = "zig has no address sanitizer: use gcc or clang for a sanitizer build"
        raise ToolchainError(msg)
    files = {**runner_sources(), **{file.name: file.text for file in bundle.files}}
    portable = portable_target(target)
    targets = dict.fromkeys(files, portable) | {
        file.name: portable if file.is_portable else _target_of(file, target)
        for file in bundle.files
    }
    for name in files:
        if not _FILE_NAME.fullmatch(name):
            msg = (
                f"the bundle has a file of the name {name!r}: only plain .c and .h names are built"
            )
            raise ToolchainError(msg)
    cache_dir.mkdir(parents=True, exist_ok=True)
    shop = _Workshop(compiler, target, ObjectCache(cache_dir / "objects"), cache_dir, sanitize)
    units = sorted(name for name in files if name.endswith(".c"))
    say = on_step or _say_nothing
    say(f"compiling {len(units)} files for {target.full_name}")
    with ThreadPoolExecutor(_PARALLEL) as pool:
        compiled = list(pool.map(lambda name: _compile(shop, name, files, targets[name]), units))
    elf, link_log = _link(shop, [content for content, _ in compiled], say)
    log = "".join(text for _, text in compiled) + link_log
    return Binary(elf, log, compiler.id, hashlib.sha256(elf).hexdigest())


def _target_of(file: SourceFile, target: Target) -> Target:
    return TARGETS[file.target].with_libc(target.libc) if file.target else target


def _compile(
    shop: _Workshop, name: str, files: Mapping[str, str], target: Target
) -> tuple[bytes, str]:
    flags = shop.compiler.compile_flags(target, sanitize=shop.sanitize)
    used = _closure(name, files)
    parts = [text for used_name in used for text in (used_name, files[used_name])]
    key = cache_key([shop.compiler.id, *flags, *parts])
    cached = shop.cache.get(key)
    if cached is not None:
        return cached, ""
    with tempfile.TemporaryDirectory(prefix="punchcard-cc-") as folder_name:
        folder = Path(folder_name)
        for used_name in used:
            (folder / used_name).write_text(files[used_name], encoding="utf-8")
        argv = (*shop.compiler.argv, *flags, "-c", name, "-o", "unit.o")
        argv = (*argv, f"-ffile-prefix-map={folder}=.")
        log = _run(shop, argv, folder, f"{name} for {target.full_name}")
        content = (folder / "unit.o").read_bytes()
    shop.cache.put(key, content)
    return content, log


def _link(shop: _Workshop, objects: list[bytes], say: Callable[[str], None]) -> tuple[bytes, str]:
    flags = shop.compiler.link_flags(shop.target, sanitize=shop.sanitize)
    key = cache_key(["link", shop.compiler.id, *flags, *objects])
    cached = shop.cache.get(key)
    if cached is not None:
        return cached, ""
    say(f"linking for {shop.target.triple} (the first time its C library is prepared, once)")
    with tempfile.TemporaryDirectory(prefix="punchcard-ld-") as folder_name:
        folder = Path(folder_name)
        names = [f"{index:03}.o" for index in range(len(objects))]
        for name, content in zip(names, objects, strict=True):
            (folder / name).write_bytes(content)
        # The libraries stand behind the objects that need them.
        argv = (*shop.compiler.argv, *names, *flags, "-o", "model")
        log = _run(shop, argv, folder, f"the program for {shop.target.full_name}")
        elf = (folder / "model").read_bytes()
    shop.cache.put(key, elf)
    return elf, log


def _run(shop: _Workshop, argv: tuple[str, ...], folder: Path, what: str) -> str:
    result = run_command(argv, folder=folder, zig_cache=shop.cache_dir / "zig")
    if result.status == 0:
        return result.log
    logs = shop.cache_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log_file = logs / f"{cache_key([*argv, result.log])[:16]}.log"
    log_file.write_text(f"{' '.join(argv)}\n\n{result.log}", encoding="utf-8")
    msg = (
        f"{shop.compiler.id} failed to build {what}: {result.first_error} "
        f"(the whole log is {log_file})"
    )
    raise ToolchainError(msg)


def _closure(name: str, files: Mapping[str, str]) -> list[str]:
    """Return a file and every bundle header that it includes, itself or through others, sorted."""
    found, waiting = {name}, [name]
    while waiting:
        for included in _INCLUDE.findall(files[waiting.pop()]):
            if included in files and included not in found:
                found.add(included)
                waiting.append(included)
    return sorted(found)


def _say_nothing(_message: str) -> None:
    """Take a message and do nothing with it."""
