"""Which C compiler builds: zig for every target by default, or one that a user names."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from codegen.errors import ToolchainError
from codegen.targets.target import Target

# Version questions are answered at once; a tool that does not is broken.
_VERSION_SECONDS = 30
_WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
# Fused multiply-adds are used inside an expression, as gcc's -std=c11 would not; nothing here
# reads errno of a maths function.
_NUMERICS = ("-ffp-contract=fast", "-fno-math-errno")
# Only the C interface is seen from outside of a library, so that models do not meet in one program.
_LINKAGE = ("-fPIC", "-fvisibility=hidden")
Sanitizers: TypeAlias = bool | Literal["thread"]
"""True: address and undefined behaviour; the thread sanitizer bears no other beside it."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler driver.

    Attributes:
        id: Name and version; part of every cache key.
        argv: How it is started.
        is_zig: zig takes ``-target`` and ``-mcpu``; gcc and clang take ``-march`` and build for
            the machine they were made for.
    """

    id: str
    argv: tuple[str, ...]
    is_zig: bool = False

    def compile_flags(self, target: Target, *, sanitize: Sanitizers = False) -> tuple[str, ...]:
        """Return the flags that turn one C file into an object; no path is among them."""
        cpu = ("-target", target.triple, f"-mcpu={target.cpu}") if self.is_zig else target.cc_flags
        flags = target.flags if self._takes_vector_width else ()
        defines = tuple(f"-D{name}=1" for name in target.defines)
        mode = ("-O1", "-g", *_sanitizer_flags(sanitize)) if sanitize else ("-O3", "-g0")
        return (*cpu, *mode, *_WARNINGS, *_NUMERICS, *_LINKAGE, *flags, *defines)

    def link_flags(
        self, target: Target, *, sanitize: Sanitizers = False, is_shared: bool = False
    ) -> tuple[str, ...]:
        """Return the flags of the link of a program or a shared library.

        zig keeps its C library by processor and by optimisation, so every link of an architecture
        uses its plain processor and -O3: the library is then built once per architecture instead
        of once per processor.
        """
        cpu = ("-target", target.triple) if self.is_zig else ()
        mode = _sanitizer_flags(sanitize) if sanitize else ("-O3", "-s", "-Wl,--build-id=none")
        static = ("-static",) if target.libc == "musl" else ()
        # Calls inside of a library stay there, whatever else a program has loaded.
        kind = ("-shared", "-Wl,-Bsymbolic") if is_shared else static
        return (*cpu, *mode, *kind, "-lm", "-lpthread")

    @property
    def archiver(self) -> tuple[str, ...]:
        """How the program that makes static libraries is started.

        Raises:
            ToolchainError: There is none beside a gcc or clang.
        """
        if self.is_zig:
            return self.argv[0], "ar"
        program = shutil.which("ar")
        if program is None:
            msg = "static libraries need the program ar beside gcc or clang: install binutils"
            raise ToolchainError(msg)
        return (program,)

    @property
    def _takes_vector_width(self) -> bool:
        return self.is_zig or "clang" in self.id or "gcc" in self.id.lower() or "GCC" in self.id


def _sanitizer_flags(sanitize: Sanitizers) -> tuple[str, ...]:
    kinds = "thread" if sanitize == "thread" else "address,undefined"
    return f"-fsanitize={kinds}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"


@cache
def zig_compiler() -> Compiler:
    """Return the zig of the ziglang wheel.

    Raises:
        ToolchainError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("ziglang")
    places = list(spec.submodule_search_locations or []) if spec else []
    program = Path(places[0]) / "zig" if places else None
    if program is None or not program.is_file():
        msg = "the C compiler is missing: run 'pip install ziglang', or name another by --cc"
        raise ToolchainError(msg)
    version = _first_line((str(program), "version"))
    return Compiler(f"zig {version}", (str(program), "cc"), is_zig=True)


def cc_compiler(path: str) -> Compiler:
    """Return a gcc or clang of this computer.

    Args:
        path: Path of the program, or its name on the search path.

    Raises:
        ToolchainError: There is no such program, or it does not tell its version.
    """
    program = None if path.startswith("-") else shutil.which(path)
    if program is None:
        msg = f"there is no C compiler {path!r}: give the path of a gcc or clang, or leave --cc out"
        raise ToolchainError(msg)
    return Compiler(_first_line((program, "--version")), (program,))


def sanitizer_compiler() -> Compiler:
    """Return the clang or gcc of this computer: zig's wheel has no address sanitizer.

    Raises:
        ToolchainError: Neither is installed.
    """
    for name in ("clang", "gcc"):
        if shutil.which(name):
            return cc_compiler(name)
    msg = "sanitizer builds need clang or gcc: install one of them (Debian: apt install clang)"
    raise ToolchainError(msg)


def _first_line(argv: tuple[str, ...]) -> str:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        result = subprocess.run(
            argv, capture_output=True, timeout=_VERSION_SECONDS, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"the C compiler {argv[0]} does not start: {error}"
        raise ToolchainError(msg) from error
    lines = result.stdout.decode(errors="replace").splitlines()
    if result.returncode != 0 or not lines:
        msg = f"{argv[0]} is no C compiler: it does not answer {argv[-1]!r}"
        raise ToolchainError(msg)
    return lines[0].strip()
