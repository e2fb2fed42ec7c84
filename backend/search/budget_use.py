"""How much of a search's budget is spent."""

from __future__ import annotations

from backend.search.surroundings import Surroundings


class BudgetUse:
    """Says whether another candidate may start; the limit reached first ends the search."""

    def __init__(self, run: Surroundings) -> None:
        self._run = run

    def allows(self, begun: int) -> bool:
        """Whether one more may start.

        Args:
            begun: candidates that finished, are in training or wait to be timed; failed ones
                cost nothing.
        """
        trials = self._run.config.budget.trials
        return not self._is_out_of_time() and (trials is None or begun < trials)

    def _is_out_of_time(self) -> bool:
        minutes = self._run.config.budget.minutes
        return minutes is not None and self._run.records.elapsed_s >= minutes * 60
