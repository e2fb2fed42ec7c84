"""How much of a search's budget is spent; both budget and workers may change at any step."""

from __future__ import annotations

from backend.search.control import Control
from backend.search.ledger import Ledger
from backend.search.surroundings import Surroundings


class BudgetUse:
    """Says whether another candidate may start; the limit reached first ends the search.

    Attributes:
        control: what counts now.
    """

    def __init__(self, run: Surroundings, ledger: Ledger) -> None:
        self._run = run
        self._ledger = ledger
        self._workers: int | None = None
        self.control = self._read()
        self._take_up()

    def refresh(self) -> None:
        """Take up what a user has changed since."""
        control = self._read()
        if control != self.control:
            self.control = control
            self._run.context.event("changed", _words(control))
            self._take_up()

    def allows(self, running: int, waiting: int) -> bool:
        """Whether one more may start.

        Args:
            running: candidates in training.
            waiting: candidates that wait to be timed.
        """
        budget = self.control.budget
        # What is in training is taken to cost what the configuration says.
        if not self.allows_promotion((running + waiting) * self._run.epochs_each):
            return False
        begun = len(self._ledger.finished) + running + waiting
        return budget.trials is None or begun < budget.trials

    def allows_promotion(self, promised_epochs: int = 0) -> bool:
        """Whether there is time, and whether epochs are left; trials are not asked for.

        What the front still lacks at the last rung when this says no is done nevertheless.
        """
        budget = self.control.budget
        if budget.minutes is not None and self._run.records.elapsed_s >= budget.minutes * 60:
            return False
        spent = self._ledger.epochs_spent + promised_epochs
        return budget.epochs is None or spent < budget.epochs

    def _read(self) -> Control:
        return Control.of(self._run.records.config, self._run.records.read_control())

    def _take_up(self) -> None:
        if self.control.workers != self._workers:
            self._workers = self.control.workers
            self._run.executor.resize(self._workers)
        self._ledger.know(budget=self.control.guessed_trials(self._run.epochs_each))


def _words(control: Control) -> str:
    budget = control.budget.model_dump(exclude_none=True)
    limits = ", ".join(f"{value:g} {name}" for name, value in budget.items())
    return f"budget {limits}; {control.workers} at once"
