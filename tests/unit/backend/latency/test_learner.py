"""A model learnt from programs of a made-up device knows programs it has never seen."""

from __future__ import annotations

import numpy as np
import pytest

from backend.latency.cross_validation import cross_validated
from backend.latency.layer_menus import LayerMenus
from backend.latency.learner import LatencyLearner
from backend.latency.prediction_error import PredictionError
from backend.latency.step_owners import StepOwners
from tests.unit.backend.latency.chain_truth import (
    LABELS,
    NET,
    SIGNATURES,
    Trial,
    draw,
    run_of,
    table,
    true_layer_ms,
    true_ms,
)


def learner() -> LatencyLearner:
    return LatencyLearner(LayerMenus(LABELS, SIGNATURES), StepOwners(tuple(SIGNATURES), {}))


def error_of(model, count: int = 60) -> PredictionError:
    random = np.random.default_rng(99)
    rows = [draw(random) for _ in range(count)]
    found = PredictionError.of(list(model.predict_many(rows)), [true_ms(row) for row in rows])
    assert found is not None
    return found


def test_a_table_predicts_programs_never_seen() -> None:
    known = table(60)
    model = learner().taught_runs(known, known.runs).model()
    error = error_of(model)
    assert error.median < 0.03
    assert error.spearman > 0.98
    assert model.learnt == 60


def test_neighbours_are_learnt_and_not_only_choices() -> None:
    known = table(60)
    model = learner().taught_runs(known, known.runs).model()
    terms = model.pairwise["layer1", "layer2"]
    own = model.unary["layer2"]["block_punched/2/4x1"]
    behind_filters = terms["filter/5", "block_punched/2/4x1"]
    # exp(-0.8 ln 5) of the time is left behind a layer that lost four filters of five
    assert behind_filters / own == pytest.approx(5**-0.8 - 1, abs=0.15)
    copied = terms["block_punched/2/4x1", "dense"] - terms["dense", "dense"]
    assert copied > 0.05 * model.unary["layer1"]["block_punched/2/4x1"]


def test_the_prediction_is_the_sum_of_its_terms() -> None:
    known = table(30)
    model = learner().taught_runs(known, known.runs).model()
    labels = draw(np.random.default_rng(5))
    names = list(labels)
    total = model.constant_ms + sum(model.unary[name][labels[name]] for name in names)
    for pair in zip(names, names[1:], strict=False):
        total += model.pairwise[pair][labels[pair[0]], labels[pair[1]]]
    assert model.predict_ms(labels) == pytest.approx(total, rel=1e-9)


def test_a_search_without_a_table_learns_from_its_trials() -> None:
    dense = dict.fromkeys(SIGNATURES, "dense")
    begun = learner().began(true_ms(dense), true_layer_ms(dense))
    random = np.random.default_rng(1)
    rows = [draw(random) for _ in range(25)]
    trials = [Trial(row, true_ms(row), true_layer_ms(row)) for row in rows]
    before, after = begun.model(), begun.model().after(trials)
    assert error_of(after).median < 0.05 < error_of(before).median
    assert after.learnt == 26


def test_end_to_end_times_alone_correct_the_whole() -> None:
    known = table(40)
    model = learner().taught_runs(known, known.runs).model()
    random = np.random.default_rng(2)
    trials = [Trial(row, 1.25 * true_ms(row)) for row in (draw(random) for _ in range(40))]
    labels = draw(random)
    assert model.after(trials).predict_ms(labels) > 1.08 * model.predict_ms(labels)


def test_a_table_is_brought_to_the_clock_of_the_search() -> None:
    known = table(60)
    taught = learner().taught_runs(known, known.runs)
    dense = dict.fromkeys(SIGNATURES, "dense")
    taught.dense_ms = true_ms(dense)
    slower = {name: 1.4 * ms for name, ms in true_layer_ms(dense).items()}
    model = taught.began(1.4 * true_ms(dense), slower).model()
    labels = draw(np.random.default_rng(3))
    assert model.predict_ms(labels) == pytest.approx(1.4 * true_ms(labels), rel=0.08)


def test_the_same_trials_give_the_same_model() -> None:
    begun = learner().began(1.0, {})
    rows = [draw(np.random.default_rng(index)) for index in range(40)]
    trials = [Trial(row, true_ms(row), true_layer_ms(row)) for row in rows]
    stepwise = begun.model()
    for count in (1, 2, 15, 16, 17, 30, 31, 40):  # what full chunks taught is kept
        stepwise = stepwise.after(trials[:count])
    again = learner().began(1.0, {}).model().after(trials)
    assert stepwise.predict_ms(rows[0]) == again.predict_ms(rows[0])


def test_cross_validation_leaves_out_what_it_predicts() -> None:
    known = table(40)
    error = PredictionError.of_pairs(cross_validated(learner(), known, NET))
    assert error is not None
    assert error.count == 40
    assert error.median < 0.05
    assert cross_validated(learner(), table(3), NET) == []


def test_checks_are_never_learnt_from() -> None:
    known = table(20)
    odd = run_of(draw(np.random.default_rng(7)), role="check")
    assert odd not in known.with_runs([odd]).runs_of("fit")
    assert known.with_runs([odd]).entries == known.entries
