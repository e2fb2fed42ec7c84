"""What is believed of accuracy and latency, against worlds whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from backend.latency.new_learner import new_learner
from backend.search.samplers.punchcard.damage_objective import DamageObjective
from backend.search.samplers.punchcard.features import Traits
from backend.search.samplers.punchcard.latency_table import LatencyTable
from backend.search.samplers.punchcard.links import links
from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options
from backend.search.samplers.punchcard.plain_objective import Expected, PlainObjective
from backend.search.samplers.punchcard.situation import Situation
from tests.unit.backend.search.small_problem import small_graph, small_problem

OPTIONS = Options(tuple(f"l{i}" for i in range(8)), tuple(("d", "a", "b", "c") for _ in range(8)))
TABLE = np.tile([0.0, 0.2, 0.5, 0.8], 8)
TRAITS = Traits(table=TABLE, default=np.tile([1.0, 0.0, 0.0, 0.0], 8))


def situation(
    rows: IntArray,
    values: FloatArray,
    entropy: FloatArray | None = None,
    options: Options = OPTIONS,
) -> Situation:
    n = rows.shape[0]
    return Situation(
        options,
        rows=rows,
        values=values,
        cross_entropy=np.full(n, np.nan) if entropy is None else entropy,
        over={},
        layer_ms=np.array([{} for _ in range(n)], dtype=np.object_),
        pending=np.zeros((0, len(options.layers)), dtype=np.int64),
        tried=frozenset(row.tobytes() for row in rows),
    )


def damage_world(seed: int, noise: float) -> tuple[IntArray, FloatArray, FloatArray]:
    """Candidates, noisy and true accuracies: damage falls into accuracy by its square."""
    random = np.random.default_rng(seed)
    rows = OPTIONS.draw(random, 100)
    effects = TABLE * np.repeat(random.lognormal(0, 0.7, 8), 4)
    truth = 0.92 - 0.01 * effects[rows].sum(axis=1) ** 2
    return rows, truth + random.normal(0, noise, 100), truth


@pytest.mark.parametrize("link", links(0.9), ids=str)
def test_links_go_there_and_back_and_never_fall(link: object) -> None:
    scores = np.linspace(0.05, 0.9, 50)
    z = link.forward(scores)  # type: ignore[attr-defined]
    assert link.back(z) == pytest.approx(scores, abs=1e-9)  # type: ignore[attr-defined]
    assert (np.diff(z) < 0).all()
    slope = -np.gradient(z, scores)[1:-1]
    assert link.slope(scores)[1:-1] == pytest.approx(slope, rel=0.5)  # type: ignore[attr-defined]


def test_damage_predicts_candidates_it_has_not_seen() -> None:
    rows, measured, truth = damage_world(0, noise=0.003)
    seen = situation(rows[:50], np.stack([-measured[:50], np.ones(50)], axis=1))
    objective = DamageObjective(OPTIONS, TRAITS, 0.92)
    belief = objective.belief(objective.form(seen), seen, np.random.default_rng(0), 32)
    predicted = -belief.values(rows[50:]).mean(axis=0)
    assert spearmanr(predicted, truth[50:]).statistic > 0.98
    assert np.abs(predicted - truth[50:]).mean() < 0.01
    assert -belief.values(OPTIONS.first[None])[:, 0] == pytest.approx(0.92)


def test_cross_entropies_teach_more_than_accuracies_on_few_images() -> None:
    """Accuracies of 60 images, of which cross-entropy knows more: recovery.md, part C."""
    rows, measured, truth = damage_world(1, noise=0.04)
    entropy = 0.25 + 3.0 * (0.92 - truth)
    ranks = []
    for told in (None, entropy[:50]):
        seen = situation(rows[:50], np.stack([-measured[:50], np.ones(50)], axis=1), told)
        objective = DamageObjective(OPTIONS, TRAITS, 0.92, 0.25)
        belief = objective.belief(objective.form(seen), seen, np.random.default_rng(0), 32)
        predicted = -belief.values(rows[50:]).mean(axis=0)
        ranks.append(spearmanr(predicted, truth[50:]).statistic)
    assert ranks[1] > ranks[0]
    assert ranks[1] > 0.98
    assert np.abs(predicted - truth[50:]).mean() < 0.02  # read off the trials' own relation


def test_wrong_latency_table_is_corrected_by_measurements() -> None:
    random = np.random.default_rng(2)
    guess = np.tile([4.0, 2.0, 1.0, 0.5], 8) * np.repeat(random.lognormal(0, 0.5, 8), 4)
    real = 1.7 * guess * random.lognormal(0, 0.15, OPTIONS.columns)
    rows = OPTIONS.draw(random, 120)
    ms = 3.0 + real[rows].sum(axis=1)
    objective = PlainObjective(
        OPTIONS,
        TRAITS,
        lambda seen: seen.values[:, 1],
        lambda seen: Expected(guess),
        anchor=3.0 + real[OPTIONS.first].sum(),
    )
    seen = situation(rows[:60], np.stack([np.zeros(60), ms[:60]], axis=1))
    belief = objective.belief(objective.form(seen), seen, random, 64)
    predicted = belief.values(rows[60:]).mean(axis=0)
    before = guess[rows[60:]].sum(axis=1)
    error = np.median(np.abs(predicted / ms[60:] - 1))
    assert error < 0.03 < 0.3 < np.median(np.abs(before / ms[60:] - 1))


def test_latency_model_and_its_pairwise_terms_are_followed() -> None:
    plain = small_problem()
    model = new_learner(small_graph(), plain.space.labels).model()
    problem = replace(plain, latency=model)
    options = Options.of(problem.space.labels)
    rows = options.draw(np.random.default_rng(0), 20)
    none = situation(
        np.zeros((0, len(options.layers)), dtype=np.int64), np.zeros((0, 2)), None, options
    )
    expected = LatencyTable(options, problem).expected(none)
    wanted = model.predict_many([options.labels(row) for row in rows])
    assert expected.sums(rows) == pytest.approx(wanted)
    slower = situation(rows, np.stack([np.zeros(20), 3.0 * wanted], axis=1), None, options)
    again = LatencyTable(options, problem).expected(slower)
    assert again.sums(rows).mean() == pytest.approx(3.0 * wanted.mean(), rel=0.2)
