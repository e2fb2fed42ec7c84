"""What may change while a search runs: its budget and how many candidates train at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from backend.config.search_file import Budget, SearchConfig
from backend.search.records import SearchError

GUESSED_TRIALS = 24  # of a search that only time or epochs limit

LIMITS = ("trials", "minutes", "epochs")


@dataclass(frozen=True)
class Control:
    """The budget and the number of evaluators that count now."""

    budget: Budget
    workers: int

    @classmethod
    def of(cls, config: Mapping[str, Any], stored: Mapping[str, Any] | None) -> Control:
        """As a search was started, with what was changed since.

        Args:
            config: of the search, as stored.
            stored: what `to_json` wrote at the last change; None where there was none.
        """
        changed = stored or {}
        budget = changed.get("budget") or config.get("budget") or {}
        default = SearchConfig.model_fields["workers"].default
        workers = changed.get("workers") or config.get("workers") or default
        return cls(Budget.model_validate(budget), int(workers))

    def to_json(self) -> dict[str, Any]:
        """What the search's row keeps."""
        budget = self.budget.model_dump(mode="json", exclude_none=True)
        return {"budget": budget, "workers": self.workers}

    def with_changes(
        self, limits: Mapping[str, float | None], workers: int | None = None
    ) -> Control:
        """Another budget.

        Args:
            limits: `trials`, `minutes`, `epochs`; one that is absent or None stays, 0 takes the
                limit away.
            workers: None leaves them.

        Raises:
            SearchError: nothing would limit the search, or a number is out of range.
        """
        budget = self.budget.model_dump()
        for name in LIMITS:
            value = limits.get(name)
            if value is not None:
                budget[name] = value or None
        try:
            checked = Budget.model_validate(budget)
            field = SearchConfig.model_validate({"workers": workers or self.workers})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(["budget", *(str(part) for part in first["loc"])])
            where = "workers" if "workers" in where else where
            said = first["msg"].removeprefix("Value error, ")
            msg = f"the search cannot be changed so: {where}: {said[0].lower()}{said[1:]}"
            raise SearchError(msg) from None
        if workers is not None and workers < 1:
            msg = "the search cannot be changed so: workers: at least one has to work"
            raise SearchError(msg)
        return Control(checked, field.workers)

    def guessed_trials(self, epochs_each: int) -> int:
        """How many trials the budget is worth, for samplers that plan ahead."""
        if self.budget.trials is not None:
            return self.budget.trials
        if self.budget.epochs is not None and epochs_each:
            return max(1, self.budget.epochs // epochs_each)
        return GUESSED_TRIALS
