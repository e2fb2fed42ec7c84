"""A search's state as the words and numbers of its progress panel."""

from dataclasses import dataclass
from typing import Literal

from app.viewmodels.numbers import duration, time_left
from backend.services.views import SearchView

# States in which nothing changes any more without a click.
ENDED = frozenset({"done", "failed", "cancelled", "interrupted", "paused"})

# Ends that a click can undo.
RESUMABLE = ENDED - {"done"}

Colour = Literal["green", "orange", "red", "gray", "blue"]

_STATES: dict[str, tuple[str, Colour, str]] = {
    "queued": ("waiting for the worker", "gray", ":material/schedule:"),
    "running": ("running", "blue", ":material/play_circle:"),
    "paused": ("paused", "orange", ":material/pause_circle:"),
    "interrupted": ("interrupted", "orange", ":material/error:"),
    "cancelled": ("cancelled", "gray", ":material/cancel:"),
    "failed": ("failed", "red", ":material/error:"),
    "done": ("finished", "green", ":material/check_circle:"),
}


@dataclass(frozen=True)
class Progress:
    """What the progress panel shows; `share` is 0–1."""

    share: float
    bar: str
    elapsed: str
    left: str
    alive: bool


def is_alive(state: str) -> bool:
    """Tell whether a search or job of this state still changes by itself."""
    return state not in ENDED


def state_badge(state: str) -> tuple[str, Colour, str]:
    """Return text, colour and icon of a state; colour is never the only carrier."""
    return _STATES.get(state, (state, "gray", ":material/help:"))


def search_progress(view: SearchView) -> Progress:
    """Return the progress of a search."""
    total = max(view.total_trials, 1)
    share = min(1.0, view.finished_trials / total)
    phase = view.message or view.phase or state_badge(view.state)[0]
    if view.cancel_requested and is_alive(view.state):
        phase = "cancelling after the step that runs"
    left = "–" if view.state in ENDED else time_left(view.eta_s, view.finished_trials)
    return Progress(
        share=1.0 if view.state == "done" else share,
        bar=f"{view.finished_trials} of {view.total_trials} candidates · {phase}",
        elapsed=duration(view.elapsed_s),
        left=left,
        alive=is_alive(view.state),
    )


def actions(view: SearchView) -> tuple[str, ...]:
    """Return what may be done now: pause, resume, cancel."""
    if view.cancel_requested:
        return ()
    if view.state in ("queued", "running"):
        return ("pause", "cancel")
    if view.state == "paused":
        return ("resume", "cancel")
    return ("resume",) if view.can_resume else ()
