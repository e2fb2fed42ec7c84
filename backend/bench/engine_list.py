"""The rival engines, as data, and their virtual environments."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backend.bench.errors import BenchError

_FILE = Path(__file__).parent / "engines" / "engines.toml"
_INSTALL_SECONDS = 3600
# DeepSparse has wheels up to Python 3.11.
_PYTHONS = ("python3.11", "python3")


@dataclass(frozen=True)
class Engine:
    """One row of `engines.toml`.

    Attributes:
        name: file `engines/<name>_engine.py`.
        title: what people call it.
        folder: its environment in the folder of environments; empty: our own.
        requirements: what pip installs there.
        no_deps: what pip installs there without its dependencies.
        variants: (name as in tables, role): `dense`, `sparse` or `extra`.
    """

    name: str
    title: str
    folder: str
    requirements: tuple[str, ...]
    no_deps: tuple[str, ...]
    variants: tuple[tuple[str, str], ...]

    def python(self, folder: Path) -> Path:
        """Interpreter of its environment."""
        return folder / self.folder / "bin" / "python" if self.folder else Path(sys.executable)


@cache
def engines() -> tuple[Engine, ...]:
    """Every engine, in the order of the file."""
    found = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Engine(
            name,
            row["title"],
            row["folder"],
            tuple(row["requirements"]),
            tuple(row.get("no_deps", ())),
            tuple(row["variants"].items()),
        )
        for name, row in found.items()
    )


def required_variants() -> tuple[str, ...]:
    """Dense f32 engines: "fastest dense" is the minimum over all of them."""
    return tuple(name for engine in engines() for name, role in engine.variants if role == "dense")


def role_of(variant: str) -> str:
    """Role of a row of the tables.

    Raises:
        BenchError: there is no such engine.
    """
    return dict(_by_variant())[variant][1]


def engine_of(variant: str) -> Engine:
    """Engine of a row of the tables.

    Raises:
        BenchError: there is no such engine.
    """
    found = dict(_by_variant())
    if variant not in found:
        msg = f"there is no engine {variant!r}: take {', '.join(found)}"
        raise BenchError(msg)
    return found[variant][0]


def missing_engines(folder: Path, wanted: Iterable[str]) -> tuple[str, ...]:
    """Names out of `wanted` whose environment is not in the folder."""
    return tuple(name for name in wanted if not engine_of(name).python(folder).exists())


def set_up(folder: Path, wanted: Iterable[str], say: Callable[[str], None]) -> None:
    """Make one environment for each engine; what is there already is brought to the pins.

    Args:
        folder: where they shall be.
        wanted: rows of the tables whose engines are set up.
        say: told what is being installed.

    Raises:
        BenchError: some did not install; all are named, with their logs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for engine in dict.fromkeys(engine_of(name) for name in wanted):
        if not engine.folder:
            continue
        say(f"{engine.title}: {', '.join((*engine.requirements, *engine.no_deps))}")
        log = folder / f"{engine.folder}.log"
        if not _install(engine, folder, log):
            failed.append(f"{engine.title} ({log})")
    if failed:
        msg = f"did not install: {', '.join(failed)}"
        raise BenchError(msg)


def _install(engine: Engine, folder: Path, log: Path) -> bool:
    python = engine.python(folder)
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    steps: list[tuple[str, ...]] = [(*pip, *engine.requirements)]
    if engine.no_deps:
        steps.append((*pip, "--no-deps", *engine.no_deps))
    with log.open("w", encoding="utf-8") as file:
        if not python.exists() and not _make_environment(folder / engine.folder, file.fileno()):
            return False
        return all(_succeeds(step, file.fileno()) for step in steps)


def _make_environment(place: Path, log: int) -> bool:
    return any(_succeeds((python, "-m", "venv", str(place)), log) for python in _PYTHONS)


def _succeeds(argv: tuple[str, ...], log: int) -> bool:
    try:
        done = subprocess.run(argv, stdout=log, stderr=log, check=False, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _by_variant() -> tuple[tuple[str, tuple[Engine, str]], ...]:
    return tuple((name, (engine, role)) for engine in engines() for name, role in engine.variants)
