"""Runs compiler, linker and archiver over sources; everything made is kept by its hash."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
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

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# Names are produced by the renderer; anything else never reaches a compiler's command line.
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,120}\.[ch]")
_PLACE = re.compile(r"([a-z0-9][a-z0-9_.-]*\.[ch]):(\d+):")
_PARALLEL = 2


@dataclass(frozen=True)
class Unit:
    """An object, the C file it is of, and what the compiler printed."""

    name: str
    content: bytes
    log: str


@dataclass(frozen=True)
class Workshop:
    """One compiler set up for one target.

    Attributes:
        compiler: zig by default; with ``sanitize`` this computer's clang or gcc.
        target: What is built for; single files may name a target of their own.
        cache_dir: Folder of objects, programs, logs and zig's own cache; shared by processes.
        sanitize: Which run-time checks are built in.
        say: Told in words what is being done when it takes time.
    """

    compiler: Compiler
    target: Target
    cache_dir: Path
    sanitize: Sanitizers
    say: Callable[[str], None]

    @staticmethod
    def opened(
        target: Target,
        compiler: Compiler | None,
        cache_dir: Path,
        sanitize: Sanitizers,
        say: Callable[[str], None] | None,
    ) -> Workshop:
        """Return a workshop whose folder exists.

        Raises:
            ToolchainError: There is no compiler, or it has no such checks.
        """
        compiler = compiler or (sanitizer_compiler() if sanitize else zig_compiler())
        if sanitize and compiler.is_zig:
            msg = "zig has no address sanitizer: use gcc or clang for a sanitizer build"
            raise ToolchainError(msg)
        cache_dir.mkdir(parents=True, exist_ok=True)
        return Workshop(compiler, target, cache_dir, sanitize, say or _say_nothing)

    @property
    def cache(self) -> ObjectCache:
        """Objects and programs by the hash of what went into them."""
        return ObjectCache(self.cache_dir / "objects")

    def compile_files(self, bundle: SourceBundle, others: Mapping[str, str]) -> list[Unit]:
        """Compile every C file of a bundle, and others that run on any processor.

        Raises:
            ToolchainError: A file has a strange name, or the compiler failed.
        """
        files = {**others, **{file.name: file.text for file in bundle.files}}
        portable = portable_target(self.target)
        targets = dict.fromkeys(files, portable) | {
            file.name: portable if file.is_portable else self._target_of(file)
            for file in bundle.files
        }
        for name in files:
            if not _FILE_NAME.fullmatch(name):
                msg = (
                    f"the bundle has a file of the name {name!r}: only plain .c and .h names are "
                    "built"
                )
                raise ToolchainError(msg)
        names = sorted(name for name in files if name.endswith(".c"))
        self.say(f"compiling {len(names)} files for {self.target.full_name}")
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(lambda name: self._compile(name, files, targets[name]), names))

    def assemble(
        self,
        units: Sequence[Unit],
        command: Callable[[tuple[str, ...]], tuple[str, ...]],
        output: str,
        what: str,
        *,
        message: str = "",
    ) -> tuple[bytes, str]:
        """Make one file of objects: a program or a library.

        Args:
            units: The objects.
            command: Turns names of object files into the command line that writes `output`.
            output: Plain file name.
            what: Words for it in an error.
            message: Said when it is not in the cache.
        """
        names = tuple(f"{unit.name[:-2]}.o" for unit in units)
        contents = [part for unit in units for part in (unit.name, unit.content)]
        key = cache_key([self.compiler.id, *command(()), *contents])
        cached = self.cache.get(key)
        if cached is not None:
            return cached, ""
        if message:
            self.say(message)
        with tempfile.TemporaryDirectory(prefix="punchcard-ld-") as folder_name:
            folder = Path(folder_name)
            for name, unit in zip(names, units, strict=True):
                (folder / name).write_bytes(unit.content)
            log = self._run(command(names), folder, f"{what} for {self.target.full_name}", {})
            content = (folder / output).read_bytes()
        self.cache.put(key, content)
        return content, log

    def _target_of(self, file: SourceFile) -> Target:
        return TARGETS[file.target].with_libc(self.target.libc) if file.target else self.target

    def _compile(self, name: str, files: Mapping[str, str], target: Target) -> Unit:
        flags = self.compiler.compile_flags(target, sanitize=self.sanitize)
        used = _closure(name, files)
        parts = [text for used_name in used for text in (used_name, files[used_name])]
        key = cache_key([self.compiler.id, *flags, *parts])
        cached = self.cache.get(key)
        if cached is not None:
            return Unit(name, cached, "")
        with tempfile.TemporaryDirectory(prefix="punchcard-cc-") as folder_name:
            folder = Path(folder_name)
            for used_name in used:
                (folder / used_name).write_text(files[used_name], encoding="utf-8")
            argv = (*self.compiler.argv, *flags, "-c", name, "-o", "unit.o")
            argv = (*argv, f"-ffile-prefix-map={folder}=.")
            log = self._run(argv, folder, f"{name} for {target.full_name}", files)
            content = (folder / "unit.o").read_bytes()
        self.cache.put(key, content)
        return Unit(name, content, log)

    def _run(self, argv: tuple[str, ...], folder: Path, what: str, files: Mapping[str, str]) -> str:
        result = run_command(argv, folder=folder, zig_cache=self.cache_dir / "zig")
        if result.status == 0:
            return result.log
        logs = self.cache_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log_file = logs / f"{cache_key([*argv, result.log])[:16]}.log"
        log_file.write_text(f"{' '.join(argv)}\n\n{result.log}", encoding="utf-8")
        msg = (
            f"{self.compiler.id} failed to build {what}: {result.first_error}"
            f"{_line_at(result.first_error, files)} (the whole log is {log_file})"
        )
        raise ToolchainError(msg)


def _line_at(error: str, files: Mapping[str, str]) -> str:
    """The generated line that an error names, in words, or nothing."""
    place = _PLACE.search(error)
    if place is None or place[1] not in files:
        return ""
    lines = files[place[1]].splitlines()
    number = int(place[2])
    return f", in the line `{lines[number - 1].strip()}`" if 0 < number <= len(lines) else ""


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
