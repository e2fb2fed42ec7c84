"""How a pattern library shrinks during training: 56, 32, 12, 8, 4, the least chosen go.

Ma et al. (ECCV 2020), section 4: extraction starts from the universe; patterns are chosen by the
training itself, and after each stage the least chosen ones are dropped. The paper justifies a cut
by the share of kernels that the dropped patterns cover; the stop rule makes that a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backend.sparsity.patterns.pattern_set import PatternSet, parse_pattern, pattern_text
from codegen.errors import PlanError

PAPER_SIZES = (32, 12, 8, 4)
"""Sizes after each stage; the universe is the start."""


@dataclass(frozen=True)
class LibraryStage:
    """What one look at the counts did.

    Attributes:
        before: patterns before it.
        after: patterns after it; the same number where the stage was held.
        counts: kernels that chose each pattern of the library before it, by pattern.
        dropped_share: share of kernels that had chosen a pattern that goes (or would go).
        coverage: share of kernels whose pattern stays, 0 to 1.
        held: whether the stop rule kept the library as it was.
    """

    before: int
    after: int
    counts: Mapping[int, int]
    dropped_share: float
    coverage: float
    held: bool


@dataclass(frozen=True)
class PatternLibrary:
    """A library under way: pure data, one `step` a stage of training.

    Attributes:
        patterns: the library now.
        sizes: sizes still to come, falling.
        stop_share: a stage is held where the patterns to drop are chosen by this share of kernels
            or more; 1 never holds one.
        patience: stages that may be held in a row before the library is final.
        stages: history.
    """

    patterns: PatternSet
    sizes: tuple[int, ...] = PAPER_SIZES
    stop_share: float = 1.0
    patience: int = 1
    stages: tuple[LibraryStage, ...] = ()

    def __post_init__(self) -> None:
        sizes = (len(self.patterns.patterns), *self.sizes)
        if any(size < 1 or size >= before for before, size in zip(sizes, sizes[1:], strict=False)):
            text = ", ".join(map(str, self.sizes))
            msg = f"a library of {sizes[0]} patterns cannot shrink to {text}: sizes must fall, to 1"
            raise PlanError(msg)
        if not 0 < self.stop_share <= 1:
            msg = (
                f"the stop rule is a share of kernels above 0 and up to 1, not {self.stop_share:g}"
            )
            raise PlanError(msg)
        if self.patience < 1:
            msg = f"a library waits for at least one stage, not {self.patience}"
            raise PlanError(msg)

    @property
    def is_final(self) -> bool:
        """Whether it shrinks no further: the last size is reached, or the stop rule holds it."""
        recent = self.stages[-self.patience :]
        stuck = len(recent) == self.patience and all(stage.held for stage in recent)
        return not self.sizes or stuck

    def step(self, counts: Mapping[int, int]) -> PatternLibrary:
        """The library after a stage of training in which kernels chose patterns.

        The least chosen go; of equal counts the later pattern goes. The patterns that stay are
        ordered by their counts.

        Args:
            counts: kernels that chose each pattern; patterns of no kernel may be left out.

        Raises:
            PlanError: a count is negative, of a pattern outside the library, or all are 0.
        """
        if self.is_final:
            return self
        own = self._checked(counts)
        total = sum(own.values())
        ranked = sorted(own, key=lambda pattern: -own[pattern])  # stable: earlier patterns first
        kept = ranked[: self.sizes[0]]
        dropped = 1.0 - sum(own[pattern] for pattern in kept) / total
        held = dropped >= self.stop_share
        size = len(own) if held else len(kept)
        stage = LibraryStage(len(own), size, own, dropped, 1.0 if held else 1.0 - dropped, held)
        stages = (*self.stages, stage)
        if held:
            return replace(self, stages=stages)
        name = f"library-{len(kept)}"
        note = f"chosen in training by {100 * (1 - dropped):.0f} % of kernels"
        return replace(
            self,
            patterns=PatternSet(name, tuple(kept), note),
            sizes=self.sizes[1:],
            stages=stages,
        )

    def to_state(self) -> dict[str, Any]:
        """Plain data, for checkpoints and JSON; `from_state` reads it back."""
        return {
            "patterns": [pattern_text(p) for p in self.patterns.patterns],
            "name": self.patterns.name,
            "note": self.patterns.note,
            "sizes": list(self.sizes),
            "stop_share": self.stop_share,
            "patience": self.patience,
            "stages": [
                {
                    "before": stage.before,
                    "after": stage.after,
                    "counts": {pattern_text(p): count for p, count in stage.counts.items()},
                    "dropped_share": stage.dropped_share,
                    "coverage": stage.coverage,
                    "held": stage.held,
                }
                for stage in self.stages
            ],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PatternLibrary:
        """The library that `to_state` described."""
        patterns = tuple(parse_pattern(text) for text in state["patterns"])
        return cls(
            PatternSet(state["name"], patterns, state["note"]),
            tuple(state["sizes"]),
            state["stop_share"],
            state["patience"],
            tuple(
                LibraryStage(
                    **{
                        **stage,
                        "counts": {parse_pattern(t): c for t, c in stage["counts"].items()},
                    }
                )
                for stage in state["stages"]
            ),
        )

    def _checked(self, counts: Mapping[int, int]) -> dict[int, int]:
        known = set(self.patterns.patterns)
        for pattern, count in counts.items():
            if pattern not in known:
                msg = f"the pattern {pattern_text(pattern)} was counted and is not of the library"
                raise PlanError(msg)
            if count < 0:
                msg = f"the pattern {pattern_text(pattern)} was counted {count} times"
                raise PlanError(msg)
        own = {pattern: counts.get(pattern, 0) for pattern in self.patterns.patterns}
        if not any(own.values()):
            msg = "no kernel chose a pattern: there is nothing to shrink the library by"
            raise PlanError(msg)
        return own
