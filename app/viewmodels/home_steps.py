"""The way from a model to a device as five steps: done, next or later."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.viewmodels.numbers import times
from backend.services.views import DeploymentView, SearchSummary


@dataclass(frozen=True)
class HomeStep:
    """One step; `state` is done, next or later, `ids` go into the page's address."""

    title: str
    says: str
    page: str
    state: str
    ids: tuple[tuple[str, str], ...] = ()


def home_steps(
    searches: Sequence[SearchSummary], deployments: Sequence[DeploymentView]
) -> list[HomeStep]:
    """Return the five steps, as far as the newest search and deployment have come."""
    newest = max(searches, key=lambda search: search.created_at, default=None)
    ids = (("search", newest.id),) if newest else (("new", "1"),)
    has_front = newest is not None and newest.best_speedup is not None
    verified = next((d for d in deployments if d.verified and d.state == "done"), None)
    search_says = "Set a budget and start; the form is filled in."
    if newest is not None:
        search_says = f"{newest.finished_trials} of {newest.total_trials} candidates measured."
    rows = [
        ("Model", newest.model if newest else "Pick a base CNN or bring an ONNX file.", "model"),
        ("Patterns", "3×3 kernel patterns to look at and edit.", "patterns"),
        ("Search", search_says, "search"),
        (
            "Choose",
            f"Up to {times(newest.best_speedup)} faster on the front."
            if newest and has_front
            else "Click a point of the front.",
            "front",
        ),
        (
            "Deploy",
            f"Release {verified.release} is verified." if verified else "One click to a device.",
            "deploy",
        ),
    ]
    finished = [
        newest is not None,
        newest is not None,
        newest is not None and newest.state == "done",
        verified is not None,
        verified is not None,
    ]
    first_open = next((n for n, is_done in enumerate(finished) if not is_done), None)
    return [
        HomeStep(
            title,
            says,
            f"pages/{page}.py",
            "done" if finished[n] else "next" if n == first_open else "later",
            ids if page in ("search", "front") else (),
        )
        for n, (title, says, page) in enumerate(rows)
    ]
