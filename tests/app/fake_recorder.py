"""The state of a recorded studio: its scenario, and what was asked of it."""

from typing import Any

from fake_records import NATURAL

from backend.services.views import PatternSetView


class Recorder:
    """One scenario; calls that change something are recorded in `calls`."""

    finalization = ""  # state of the candidate's one, if there is one; kept over scenarios

    def __init__(self, scenario: str = "full", *, worker_alive: bool = True):
        self.scenario = scenario
        self.worker_alive = worker_alive
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.sets = {
            "natural-8": PatternSetView(
                name="natural-8",
                patterns=NATURAL,
                preset=True,
                note="The eight most frequent 4-entry patterns of the shipped ResNet-20.",
                coverage=(0.24, 0.19, 0.15, 0.12, 0.09, 0.08, 0.07, 0.06),
            ),
            "mine": PatternSetView(name="mine", patterns=NATURAL[:3], preset=False),
        }
        if scenario == "empty":
            self.sets = {}

    def set_scenario(self, scenario: str) -> None:
        """Switch to another scenario; what was recorded so far stays."""
        calls, alive = self.calls, self.worker_alive
        self.__init__(scenario, worker_alive=alive)  # type: ignore[misc]
        self.calls.extend(calls)
