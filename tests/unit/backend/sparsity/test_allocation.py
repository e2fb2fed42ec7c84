"""Rates by layer: the same number of weights, put where they matter."""

from __future__ import annotations

import pytest
import torch

from backend.data.batches import normalise
from backend.sparsity.allocation import _fill, _hull, _Point, share_out
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.calibration import calibrate
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.repair import repair_layers
from backend.sparsity.report import achieved
from codegen.errors import PlanError
from tests.fixtures.image_sets import bars, small_net


def test_hull_keeps_what_no_mixture_beats() -> None:
    points = [_Point(1, 9), _Point(2, 8.5), _Point(3, 1), _Point(5, 2), _Point(6, 0)]
    assert [(p.kept, p.error) for p in _hull(points)] == [(1, 9), (3, 1), (6, 0)]


def test_weights_go_where_the_error_falls_most() -> None:
    steep, flat = [_Point(1, 10), _Point(3, 0)], [_Point(1, 1), _Point(9, 0)]
    assert _fill({"steep": steep, "flat": flat}, 4) == {"steep": 3, "flat": 1}
    assert _fill({"steep": steep, "flat": flat}, 8) == {"steep": 3, "flat": 5}
    assert _fill({"steep": steep, "flat": flat}, 99) == {"steep": 3, "flat": 9}
    with pytest.raises(PlanError, match="higher than the layers can reach"):
        _fill({"steep": steep, "flat": flat}, 1)


@pytest.mark.parametrize("select", ["obs", "magnitude"])
def test_shared_out_rates_keep_the_total_and_lower_the_error(select: str) -> None:
    data = bars(300)
    pixels = normalise(torch.from_numpy(data.train_images), data.preprocessing)
    net = reestimate_batch_norm(small_net(data, filters=16), pixels)
    calibration = calibrate(net, pixels)
    uniform = Candidate.of(
        {
            "middle": LayerChoice("block_punched", 4.0, block=(4, 2)),
            "wide": LayerChoice("block_punched", 4.0, block=(4, 1)),
        }
    )
    shared = share_out(calibration, uniform, select=select)
    assert shared.choice("middle").rate != shared.choice("wide").rate
    assert shared == share_out(calibration, uniform, select=select), "not reproducible"
    kept, errors = [], []
    for candidate in (uniform, shared):
        done = repair_layers(net, candidate, calibration=calibration, select=select)
        rates = {row.name: row for row in achieved(done.graph, candidate)}
        kept.append(rates["middle"].kept + rates["wide"].kept)
        errors.append(sum(row.error or 0 for row in done.layers if row.name in {"middle", "wide"}))
    assert abs(kept[0] - kept[1]) <= 16
    assert errors[1] < errors[0]


def test_layers_that_filters_tie_together_keep_their_rates() -> None:
    data = bars(120)
    pixels = normalise(torch.from_numpy(data.train_images), data.preprocessing)
    net = small_net(data, filters=16)
    candidate = Candidate.of(
        {
            "first": LayerChoice("filter", 2.0),
            "middle": LayerChoice("block_punched", 4.0, block=(4, 2)),
            "wide": LayerChoice("unstructured", 4.0),
        }
    )
    shared = share_out(calibrate(net, pixels), candidate)
    assert shared.choice("first") == candidate.choice("first")
    assert shared.choice("middle") == candidate.choice("middle")
