"""A table covers every choice, goes on where it ended, and is checked by fresh candidates."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest

from backend.config.search_file import SpaceConfig
from backend.jobs.errors import CancelledError
from backend.latency.candidate_draw import CandidateDraw
from backend.latency.errors import LatencyError
from backend.latency.new_learner import new_learner, table_model, table_pairs
from backend.latency.prediction_error import PredictionError
from backend.latency.table import LatencyTable
from backend.latency.table_builder import LEAST_PROGRAMS, TableBuilder
from backend.search.space import Space, build_space
from codegen.ir.graph import Graph
from tests.unit.backend.latency.made_up_bench import MadeUpBench
from tests.unit.backend.search.small_problem import small_graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small_graph()


@pytest.fixture(scope="module")
def space(graph: Graph) -> Space:
    config = SpaceConfig(schemes=("pattern", "block_punched", "filter"), rates=(2, 2.5, 5))
    return build_space(graph, config)


@pytest.fixture
def stored() -> list[LatencyTable]:
    return []


def empty() -> LatencyTable:
    return LatencyTable({"name": "made up", "identity": "i"}, "t", "", {})


def builder(
    graph: Graph, space: Space, bench: MadeUpBench, table: LatencyTable, stored: list[LatencyTable]
) -> TableBuilder:
    return TableBuilder(graph, space, bench, table, model_name="resnet8", store=stored.append)


def batches(most: int) -> Iterator[bool]:
    return (index >= most for index in count())


def test_every_choice_of_every_shape_runs_twice_and_fresh_candidates_are_foreseen(
    graph: Graph, space: Space, stored: list[LatencyTable]
) -> None:
    bench = MadeUpBench(graph, space)
    built = builder(graph, space, bench, empty(), stored)
    table = built.build(lambda: False)
    assert built.coverage == 1.0
    assert LEAST_PROGRAMS <= len(table.runs) <= LEAST_PROGRAMS + 12
    learnt = table_model(graph, space.labels, table)
    table = built.check(30, 5, lambda: False)
    error = PredictionError.of_pairs(table_pairs(graph, space.labels, table))
    assert error is not None
    assert error.count == 30
    assert error.median < 0.03
    assert error.spearman > 0.98
    again = table_model(graph, space.labels, table)
    labels = table.runs_of("check")[0].labels
    assert learnt.predict_ms(labels) == again.predict_ms(labels), "a check was learnt from"
    spread = np.histogram([run.latency_ms for run in table.runs_of("check")], bins=4)[0]
    assert spread.min() >= 3, "fresh candidates lie all over the range"


def test_an_interrupted_build_ends_as_one_at_once(
    graph: Graph, space: Space, stored: list[LatencyTable]
) -> None:
    bench = MadeUpBench(graph, space)
    part = builder(graph, space, bench, empty(), stored)
    ends = batches(3)
    part.build(lambda: next(ends))
    resumed = LatencyTable.from_json(stored[-1].to_json())
    ends = batches(2)
    rest = builder(graph, space, bench, resumed, stored).build(lambda: next(ends))
    whole_bench = MadeUpBench(graph, space)
    ends = batches(5)
    whole = builder(graph, space, whole_bench, empty(), []).build(lambda: next(ends))
    assert [run.labels for run in rest.runs] == [run.labels for run in whole.runs]


def test_a_batch_at_another_clock_is_taken_again_and_the_rest_is_brought_to_one_clock(
    graph: Graph, space: Space, stored: list[LatencyTable]
) -> None:
    bench = MadeUpBench(graph, space)
    bench.clocks = [1.0, 1.6, 1.05]
    ends = batches(2)
    table = builder(graph, space, bench, empty(), stored).build(lambda: next(ends))
    assert bench.batches == 3
    for run in table.runs[-8:]:
        assert sum(run.layer_ms.values()) == pytest.approx(
            sum(bench.layer_ms(dict(run.labels)).values()), rel=0.04
        )


def test_candidates_that_cannot_be_built_are_passed_over_but_not_for_ever(
    graph: Graph, space: Space, stored: list[LatencyTable]
) -> None:
    bench = MadeUpBench(graph, space)
    bench.broken = "filter/5"
    ends = batches(1)
    model = new_learner(graph, space.labels).model()
    assert any("filter/5" in menu for menu in model.labels.values())
    with pytest.raises(LatencyError, match="in a row cannot be measured: this choice"):
        builder(graph, space, bench, empty(), stored).build(lambda: next(ends))
    assert not stored


def test_a_cancelled_build_keeps_what_was_measured(
    graph: Graph, space: Space, stored: list[LatencyTable]
) -> None:
    bench = MadeUpBench(graph, space)

    def check() -> None:
        if bench.batches >= 2:
            raise CancelledError("job")

    building = TableBuilder(
        graph, space, bench, empty(), model_name="resnet8", store=stored.append, check=check
    )
    with pytest.raises(CancelledError):
        building.build(lambda: False)
    assert len(stored[-1].runs) == 9


def test_draws_spread_evenly_over_predicted_latency(graph: Graph, space: Space) -> None:
    model = new_learner(graph, space.labels).model()
    draw = CandidateDraw(model)
    random = np.random.default_rng(0)
    found = model.predict_many([draw.draw(random) for _ in range(200)])
    shares = np.histogram(found, bins=5, range=(draw.fastest_ms, draw.slowest_ms))[0] / 200
    assert shares.min() > 0.1
    assert shares.max() < 0.3
