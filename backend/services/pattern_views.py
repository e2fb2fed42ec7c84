"""What the Patterns page and `punchcard patterns` are given: frozen, plain data."""

from __future__ import annotations

from dataclasses import dataclass

Cells = tuple[int, ...]
Kernel = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class CensusEntry:
    """One pattern of a net, in the order of frequency.

    Attributes:
        cells: nine zeros and ones.
        count: kernels whose natural pattern it is.
        share: of all kernels, 0 to 1.
        covered: share of kernels whose natural pattern is this or an earlier one.
        energy: share of squared weight kept by this and the earlier ones.
    """

    cells: Cells
    count: int
    share: float
    covered: float
    energy: float


@dataclass(frozen=True, kw_only=True)
class LoadCount:
    """Input vectors that one microkernel loads for a set; see `codegen.kernels.pattern_loads`."""

    strategy: str
    loads: float
    lines: float


@dataclass(frozen=True, kw_only=True)
class TradePoint:
    """The best set for one price of a load.

    Attributes:
        mu: share of energy that one load is worth.
        energy: share of squared weight kept, 0 to 1.
        loads: input vectors of a channel.
        patterns: nine zeros and ones each.
    """

    mu: float
    energy: float
    loads: float
    patterns: tuple[Cells, ...]


@dataclass(frozen=True, kw_only=True)
class NamedKernel:
    """A 3x3 kernel to be shown, and where it is from."""

    title: str
    source: str
    cells: Kernel


@dataclass(frozen=True, kw_only=True)
class ScpView:
    """The derivation of the SCPs at one p and n.

    Attributes:
        given: what the paper states.
        masks: the four SCPs and their mean.
        log: the continuous LoG at sigma.
        interpolated: what n layers of masks of probability p come to.
        convolutions: central 3x3 of the LoGs convolved with each other.
        centre: of the interpolated kernel, (1/p)^n.
        error: its relative distance to the ELoG's 8.
        exact_n: layers at which it would be 8.
    """

    given: tuple[NamedKernel, ...]
    masks: tuple[NamedKernel, ...]
    log: NamedKernel
    interpolated: NamedKernel
    convolutions: tuple[NamedKernel, ...]
    centre: float
    error: float
    exact_n: float


@dataclass(frozen=True, kw_only=True)
class StageView:
    """One stage of a progressive extraction.

    Attributes:
        before: patterns before it.
        after: patterns after it.
        coverage: share of kernels whose pattern stayed.
        dropped_share: share of kernels that had chosen a pattern to drop.
        held: whether the stop rule kept all.
        counts: pattern cells and kernels that chose them, most first.
    """

    before: int
    after: int
    coverage: float
    dropped_share: float
    held: bool
    counts: tuple[tuple[Cells, int], ...]
