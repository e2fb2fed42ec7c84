"""Tables corrected by what was measured."""

from __future__ import annotations

from backend.search.feedback import Observation, fitted_damage, measured_cost
from tests.unit.backend.search.small_problem import small_problem


def test_measured_choices_take_their_time_and_the_others_their_schemes_scale() -> None:
    problem = small_problem(schemes=["pattern"], rates=[2.25, 4.0])
    layers = problem.space.layers
    label = problem.space.labels[layers[0]][1]
    seen = [
        Observation(
            dict.fromkeys(layers, "dense") | {layers[0]: label},
            0.9,
            1.0,
            {layers[0]: 3 * problem.cost[layers[0]][label]},
        )
    ]
    table = measured_cost(problem, seen)
    assert table[layers[0]][label] == 3 * problem.cost[layers[0]][label]
    other = problem.space.labels[layers[1]][1]
    assert abs(table[layers[1]][other] / problem.cost[layers[1]][other] - 3) < 1e-9


def test_a_scheme_that_hurts_more_than_its_table_says_gets_a_larger_factor() -> None:
    problem = small_problem(schemes=["pattern", "block_punched"], rates=[4.0])
    layers = [name for name in problem.space.layers if "downsample" not in name]
    dense = dict.fromkeys(problem.space.layers, "dense")
    seen = []
    for count in range(1, len(layers) + 1):
        for scheme, factor in (("pattern", 0.03), ("block_punched", 0.01)):
            labels = dict(dense)
            for name in layers[:count]:
                labels[name] = next(x for x in problem.space.labels[name] if x.startswith(scheme))
            lost = factor * sum(problem.damage[name][labels[name]] for name in labels)
            seen.append(Observation(labels, 0.92 - lost, 1.0))
    table = fitted_damage(problem, seen)
    ratio = {}
    for scheme in ("pattern", "block_punched"):
        label = next(x for x in problem.space.labels[layers[0]] if x.startswith(scheme))
        ratio[scheme] = table[layers[0]][label] / problem.damage[layers[0]][label]
    assert ratio["pattern"] > 1.5 * ratio["block_punched"]


def test_without_trials_the_tables_keep_their_ranking() -> None:
    problem = small_problem()
    assert measured_cost(problem, []) == problem.cost
    damage = fitted_damage(problem, [])
    for layer, row in damage.items():
        assert sorted(row, key=row.__getitem__) == sorted(
            row, key=problem.damage[layer].__getitem__
        )
