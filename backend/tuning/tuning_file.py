"""Schedules found by measuring, by target and layer signature: a JSON file that can be shipped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.storage.artifacts import write_whole
from backend.storage.settings import Settings
from backend.tuning.errors import TuningError
from codegen.schedules.schedule import Schedule

FORMAT = 1
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "tuning"


@dataclass
class Entry:
    """What is known of one layer signature on one target.

    Attributes:
        schedule: the best one, or None where none was better than the default.
        gain: the default's time over its time, measured in turns; 1 without one.
        tried: time over the default's of every schedule that was measured, by its JSON text.
    """

    schedule: Schedule | None = None
    gain: float = 1.0
    tried: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        chosen = None if self.schedule is None else json.loads(self.schedule.to_json())
        tried = {text: round(ratio, 4) for text, ratio in sorted(self.tried.items())}
        return {"schedule": chosen, "gain": round(self.gain, 4), "tried": tried}

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Entry:
        """Read what `to_json` wrote; a schedule of another version counts as none."""
        try:
            chosen = None if found["schedule"] is None else Schedule(**found["schedule"])
        except TypeError:
            return Entry()
        tried = {str(text): float(ratio) for text, ratio in found["tried"].items()}
        return Entry(chosen, float(found["gain"]), tried)


class TuningFile:
    """Entries by target and signature, kept in one file."""

    def __init__(self, path: Path) -> None:
        """Read the file where there is one.

        Raises:
            TuningError: It is something else.
        """
        self.path = path
        self._targets: dict[str, dict[str, Entry]] = {}
        if not path.exists():
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] != FORMAT:
                msg = f"{path} has format {found['format']}, this version reads {FORMAT}"
                raise TuningError(msg)
            for target, entries in found["targets"].items():
                kept = {key: Entry.from_json(entry) for key, entry in entries.items()}
                self._targets[target] = kept
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"{path} is no tuning file: remove it, or name another ({error})"
            raise TuningError(msg) from None

    def entry(self, target: str, signature: str) -> Entry:
        """The entry of a layer; an empty one where nothing is known, which is then kept."""
        return self._targets.setdefault(target, {}).setdefault(signature, Entry())

    def best(self, target: str) -> dict[str, Schedule]:
        """Schedules that are better than the default, by signature."""
        entries = self._targets.get(target, {})
        return {key: e.schedule for key, e in entries.items() if e.schedule is not None}

    def save(self) -> None:
        """Write the whole file."""
        content = {
            "format": FORMAT,
            "targets": {
                target: {key: entry.to_json() for key, entry in sorted(entries.items())}
                for target, entries in sorted(self._targets.items())
            },
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, (json.dumps(content, indent=1) + "\n").encode(), mode=0o644)


def home_file(settings: Settings) -> Path:
    """The installation's own file, which every tuning adds to."""
    return settings.home / "tuning.json"


def known_files(settings: Settings, named: Path | None = None) -> tuple[Path, ...]:
    """Files a compile reads, the more particular ones later: shipped, the home's, the named one."""
    own = [path for path in (home_file(settings), named) if path is not None]
    return (*sorted(SHIPPED.glob("*.json")), *(path for path in own if path.exists()))


def best_schedules(files: Iterable[Path], target: str) -> dict[str, Schedule]:
    """Best schedules of several files by signature; later files win.

    Raises:
        TuningError: One of them is no tuning file.
    """
    found: dict[str, Schedule] = {}
    for path in files:
        found |= TuningFile(path).best(target)
    return found
