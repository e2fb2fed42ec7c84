"""A worker's state as the badge of the top line."""

from dataclasses import dataclass
from typing import Literal

from app.viewmodels.numbers import ago
from backend.services.views import WorkerStatus


@dataclass(frozen=True)
class Badge:
    """What the badge shows; `remedy` is empty while the worker is alive."""

    text: str
    colour: Literal["green", "orange"]
    icon: str
    help: str
    remedy: str = ""


def worker_badge(worker: WorkerStatus) -> Badge:
    """Return the badge of a worker's state."""
    if worker.alive:
        doing = f"{worker.running} running · {worker.waiting} waiting"
        return Badge(
            text=f"{doing} · worker ok",
            colour="green",
            icon=":material/check_circle:",
            help="The worker runs searches and deployments. Closing this page does not stop it.",
        )
    seen = f"It was last seen {ago(worker.last_seen)}." if worker.last_seen else ""
    return Badge(
        text=f"{worker.waiting} waiting · worker not running",
        colour="orange",
        icon=":material/error:",
        help="Searches and deployments wait until a worker runs.",
        remedy=(
            f"The worker is not running, so searches and deployments wait. {seen} "
            "Start it in a terminal with `punchcard worker`; finished trials are kept."
        ),
    )
