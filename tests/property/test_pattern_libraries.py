"""Costed extraction and the shrinking library, on random kernels and counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.sparsity.patterns import UNIVERSE, universe
from backend.sparsity.patterns.costed import (
    CostedSet,
    costed_patterns,
    costed_set,
    exchange,
    greedy_set,
    trade_curve,
)
from backend.sparsity.patterns.energy import PatternEnergies
from backend.sparsity.patterns.library_schedule import PAPER_SIZES, PatternLibrary
from codegen.errors import PlanError
from codegen.kernels.pattern_loads import register_loads
from codegen.targets.registry import load_target

AVX512, AVX2 = load_target("x86_64-avx512"), load_target("x86_64-avx2")


def energies_of(seed: int, kernels: int = 120) -> PatternEnergies:
    random = np.random.default_rng(seed)
    drawn = random.standard_normal((kernels, 9)) * random.gamma(1.0, 1.0, 9)
    return PatternEnergies.of_kernels(drawn.astype(np.float32), universe())


def avx512_loads(masks: list[int]) -> float:
    return register_loads(masks, AVX512)


@given(st.integers(0, 10_000), st.integers(1, 8), st.floats(0, 0.2))
@settings(max_examples=25, deadline=None)
def test_exchange_is_never_worse_than_greedy(seed: int, size: int, mu: float) -> None:
    energies = energies_of(seed)
    greedy = greedy_set(energies, size, mu, avx512_loads)
    better = exchange(energies, greedy, mu, avx512_loads)
    best = costed_set(energies, size, mu, avx512_loads)
    assert greedy.value(mu) <= better.value(mu) <= best.value(mu)
    assert len(set(best.columns)) == size
    masks = [UNIVERSE[column] for column in best.columns]
    assert best.loads == avx512_loads(masks)
    assert best.energy == pytest.approx(energies.share(best.columns))


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=8, deadline=None)
def test_dearer_loads_never_raise_loads_nor_energy(seed: int, size: int) -> None:
    curve = trade_curve(energies_of(seed), size, (0.0, 0.01, 0.03, 0.1, 1.0), avx512_loads)
    for cheap, dear in zip(curve, curve[1:], strict=False):
        assert dear.chosen.loads <= cheap.chosen.loads
        assert dear.chosen.energy <= cheap.chosen.energy


@pytest.mark.parametrize("mu", [0.0, 0.02, 0.05])
def test_small_problems_are_solved_exactly(mu: float) -> None:
    """Pairs out of 56, by trying all 1540."""
    energies = energies_of(3)
    found = costed_set(energies, 2, mu, avx512_loads)
    values = [
        CostedSet((a, b), energies.share((a, b)), avx512_loads([UNIVERSE[a], UNIVERSE[b]])).value(
            mu
        )
        for a in range(56)
        for b in range(a)
    ]
    assert found.value(mu) == pytest.approx(max(values), abs=1e-6)


def test_where_loads_cost_everything_patterns_share_a_window() -> None:
    found = costed_set(energies_of(5), 4, 1.0, avx512_loads)
    assert found.loads == 5  # 4 patterns of 4 with the centre fit into no fewer taps
    named = costed_patterns(energies_of(5), found, "as an example")
    assert sorted(named.patterns) == sorted(UNIVERSE[column] for column in found.columns)


def test_with_16_registers_only_the_number_of_patterns_costs() -> None:
    energies = energies_of(7)

    def loads(masks: list[int]) -> float:
        return register_loads(masks, AVX2)

    assert costed_set(energies, 4, 1.0, loads) == costed_set(energies, 4, 0.0, loads)


def test_impossible_extractions_are_refused() -> None:
    with pytest.raises(PlanError, match="1 to 56"):
        costed_set(energies_of(0), 57, 0.0, avx512_loads)
    with pytest.raises(PlanError, match="mu"):
        costed_set(energies_of(0), 4, -1.0, avx512_loads)


@given(st.lists(st.integers(0, 1000), min_size=56, max_size=56), st.floats(0.01, 1.0))
@settings(max_examples=50, deadline=None)
def test_a_library_drops_the_least_chosen(counts: list[int], stop_share: float) -> None:
    library = PatternLibrary(universe(), stop_share=stop_share)
    given_counts = dict(zip(UNIVERSE, counts, strict=True))
    if not any(counts):
        with pytest.raises(PlanError, match="no kernel"):
            library.step(given_counts)
        return
    after = library.step(given_counts)
    (stage,) = after.stages
    kept = set(after.patterns.patterns)
    gone = set(UNIVERSE) - kept
    assert stage.held == (stage.dropped_share >= stop_share)
    assert len(kept) == (56 if stage.held else 32)
    if gone:
        assert max(given_counts[p] for p in gone) <= min(given_counts[p] for p in kept)
        assert stage.coverage == pytest.approx(sum(given_counts[p] for p in kept) / sum(counts))
    assert PatternLibrary.from_state(after.to_state()) == after


def test_the_papers_sizes_are_walked_to_the_end() -> None:
    library, sizes = PatternLibrary(universe()), []
    random = np.random.default_rng(0)
    while not library.is_final:
        counts = {p: int(random.integers(1, 100)) for p in library.patterns.patterns}
        library = library.step(counts)
        sizes.append(len(library.patterns.patterns))
    assert tuple(sizes) == PAPER_SIZES
    assert [stage.before for stage in library.stages] == [56, 32, 12, 8]
    assert library.step({}) is library


def test_the_stop_rule_holds_a_library_whose_patterns_are_all_used() -> None:
    library = PatternLibrary(universe(), stop_share=0.1, patience=2)
    even = dict.fromkeys(UNIVERSE, 10)
    library = library.step(even)
    assert not library.is_final
    assert library.stages[0].held
    library = library.step(even)
    assert library.is_final
    assert len(library.patterns.patterns) == 56


@pytest.mark.parametrize(
    ("sizes", "stop", "says"),
    [
        ((56,), 1.0, "sizes must fall"),
        ((8, 8), 1.0, "fall"),
        ((0,), 1.0, "to 1"),
        ((8,), 0.0, "stop"),
    ],
)
def test_impossible_schedules_are_refused(sizes: tuple[int, ...], stop: float, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        PatternLibrary(universe(), sizes, stop)


def test_counts_of_strange_patterns_are_refused() -> None:
    with pytest.raises(PlanError, match="not of the library"):
        PatternLibrary(universe()).step({0b111: 3})
    with pytest.raises(PlanError, match="counted -1"):
        PatternLibrary(universe()).step({UNIVERSE[0]: -1})
