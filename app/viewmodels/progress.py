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
    used = [view.finished_trials / max(view.total_trials, 1)]
    if not view.budget.get("trials") and view.budget:
        used = []
    if view.budget.get("epochs"):
        used.append(view.epochs_spent / view.budget["epochs"])
    if view.budget.get("minutes"):
        used.append(view.elapsed_s / 60 / view.budget["minutes"])
    share = min(1.0, max(used))
    phase = view.message or view.phase or state_badge(view.state)[0]
    if view.state == "paused":
        phase = "paused"
    if view.cancel_requested and is_alive(view.state):
        phase = "pausing" if view.pause_requested else "cancelling"
        phase += ": what is finished is being stored"
    left = "–" if view.state in ENDED else time_left(view.eta_s, view.finished_trials)
    return Progress(
        share=1.0 if view.state == "done" else share,
        bar=f"{budget_words(view)} · {phase}",
        elapsed=duration(view.elapsed_s),
        left=left,
        alive=is_alive(view.state),
    )


def budget_words(view: SearchView) -> str:
    """Return what is spent of each limit, e.g. `9 of 24 candidates, 18 of 60 epochs`."""
    trials = view.budget.get("trials") or (None if view.budget else view.total_trials)
    done = f"{view.finished_trials}"
    words = [f"{done} of {trials:g} candidates" if trials else f"{done} candidates"]
    if view.budget.get("epochs"):
        words.append(f"{view.epochs_spent} of {view.budget['epochs']:g} epochs")
    if view.budget.get("minutes"):
        words.append(f"{view.elapsed_s / 60:.0f} of {view.budget['minutes']:g} minutes")
    return ", ".join(words)


def limit_words(view: SearchView) -> str:
    """Return what limits a search, e.g. `24 candidates, 60 epochs; 2 at once`."""
    names = {"trials": "candidates", "minutes": "minutes", "epochs": "epochs"}
    limits = [f"{view.budget[key]:g} {name}" for key, name in names.items() if key in view.budget]
    return f"{', '.join(limits)}; {view.workers} at once"


def actions(view: SearchView) -> tuple[str, ...]:
    """Return what may be done now: pause, resume, cancel."""
    if view.cancel_requested:
        return ()
    if view.state in ("queued", "running"):
        return ("pause", "cancel")
    if view.state == "paused":
        return ("resume", "cancel")
    return ("resume",) if view.can_resume else ()
