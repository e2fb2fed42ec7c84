"""A device for one user at a time: searches, tables, tuning and deployments take turns on it."""

from __future__ import annotations

import contextlib

from backend.devices.registry import LOCAL
from backend.search.trainers import TrainerGate
from backend.storage.named_lock import named_lock
from backend.storage.open_database import open_database
from backend.storage.settings import Settings

TIMEOUT_S = 600.0


class DeviceTurn(contextlib.AbstractContextManager[None]):
    """Entered, nobody else uses the device; may be entered again and again, not inside itself.

    For this computer it is the installation's timing lock with all trainers stopped. Another
    device has a lock of its own in the database's realm, and training goes on meanwhile.

    Args:
        name: of a registered device, or "local".
        settings: the installation.
        timeout_s: how long to wait for others.

    Raises:
        GateTimeoutError, LockTimeoutError: on entering, when others do not end.
    """

    def __init__(self, name: str, settings: Settings, timeout_s: float = TIMEOUT_S) -> None:
        self._name = name
        self._settings = settings
        self._timeout_s = timeout_s
        self._held = contextlib.ExitStack()

    @property
    def stops_trainers(self) -> bool:
        """Whether training stands still meanwhile."""
        return self._name == LOCAL

    def __enter__(self) -> None:
        """Wait for the turn."""
        self._held = contextlib.ExitStack()
        if self.stops_trainers:
            turn = TrainerGate(self._settings.home).closed(self._timeout_s)
        else:
            folder = self._settings.home / "locks"
            database = open_database(self._settings)
            turn = named_lock(database, f"device {self._name}", folder, self._timeout_s)
        self._held.enter_context(turn)

    def __exit__(self, *error: object) -> None:
        """Let the next one in."""
        self._held.__exit__(*error)  # type: ignore[arg-type]
