"""The whole study on a small net, and what comes of it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.enhancement.errors import EnhancementError
from backend.enhancement.exhibit import pack, png_files, png_zip, unpack
from backend.enhancement.gallery import exhibits
from backend.enhancement.measurement import measure, passes_of
from backend.enhancement.order import PruneOrder
from backend.enhancement.picture_set import drawn_pictures, user_pictures
from backend.enhancement.pruned_net import candidate_of, prune_pair
from backend.enhancement.report import per_picture, report_of
from backend.enhancement.settings import StudySettings
from backend.enhancement.study import Study, run_study
from backend.sparsity.prune import prune_graph
from codegen.errors import PlanError
from codegen.ir.graph import Graph
from tests.fixtures.image_sets import bars, small_net

torch.set_num_threads(1)

QUICK = StudySettings(iterations=3, inversions=2, shown=3, most_steps=50)


@cache
def load_bars() -> ImageData:
    return bars(240)


@cache
def nets() -> tuple[Graph, Graph]:
    dense = small_net(load_bars())
    return dense, prune_graph(dense, candidate_of(dense, PruneOrder()))


@cache
def finished() -> Study:
    return run_study(*nets(), drawn_pictures(load_bars(), 5), QUICK)


def test_a_study_compares_every_method_and_score_and_judges_by_count() -> None:
    report = report_of(finished(), "dense net", "pruned net")
    assert {(row["method"], row["score"]) for row in report["sharpness"]} == {
        (method, score)
        for method in ("guided", "integrated", "inversion")
        for score in ("entropy", "top_energy", "laplacian")
    }
    assert [row["count"] for row in report["sharpness"]] == [5] * 6 + [2] * 3
    assert report["verdict"] == "undecided"
    assert report["rate"] == pytest.approx(2.25, abs=0.01)
    assert {row["score"] for row in report["faithfulness"]} == {"deletion", "insertion", "psnr_db"}
    assert [row["method"] for row in report["strength"]] == ["guided", "integrated", "inversion"]
    assert set(report["completeness"]) == {"dense", "pruned"}
    assert report["settings"]["layer"]
    assert 0.0 <= report["random_order"]["dense_deletion"] <= 1.0
    json.dumps(report, allow_nan=False)
    rows = per_picture(finished())
    assert {row["picture"] for row in rows} == set(finished().pictures.names)


def test_a_net_compared_with_itself_differs_nowhere() -> None:
    dense, _ = nets()
    settings = StudySettings(methods=("guided",), shown=1)
    study = run_study(dense, dense, drawn_pictures(load_bars(), 4), settings)
    assert all(row.difference == 0.0 for row in study.sharpness + study.faithfulness)
    assert study.rate == 1.0


def test_progress_ends_at_its_total_and_a_second_run_is_found_on_disk(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    pictures = drawn_pictures(load_bars(), 3)
    settings = StudySettings(methods=("guided",), shown=2)

    def note(phase: str, done: int, total: int) -> None:
        seen.append((phase, done, total))

    first = run_study(*nets(), pictures, settings, cache=tmp_path, on_progress=note)
    assert seen[-1][1] == seen[-1][2]
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    before = len(seen)
    seen.clear()
    second = run_study(*nets(), pictures, settings, cache=tmp_path, on_progress=note)
    assert len(seen) < before
    assert second.sharpness == first.sharpness
    torn = next(tmp_path.glob("*.npz"))
    torn.write_bytes(torn.read_bytes()[:100])
    third = run_study(*nets(), pictures, settings, cache=tmp_path)
    assert third.sharpness == first.sharpness


def test_noise_of_a_picture_does_not_depend_on_the_batch() -> None:
    study = finished()
    from backend.enhancement.attributed_net import AttributedNet

    net = AttributedNet(nets()[0])
    net.batch = 1
    again = measure(net, "inversion", study.pictures.images[:2], study.top[0][:2], study.settings)
    np.testing.assert_allclose(again.maps, study.seen["inversion"][0].maps[:2], atol=2e-2)
    assert passes_of("guided", StudySettings(faithfulness=False)) == 1


def test_pictures_are_kept_in_pairs_on_one_scale_and_written_as_png() -> None:
    items = exhibits(finished())
    assert [len(item.sights) for item in items] == [3, 3, 2]
    sight = items[0].sights["guided"]
    assert max(int(sight.dense.max()), int(sight.pruned.max())) == 255
    again = unpack(pack(items))
    np.testing.assert_array_equal(again[0].sights["guided"].pruned, sight.pruned)
    assert again[0].dense_class == items[0].dense_class
    files = dict(png_files(items))
    assert len(files) == 3
    picture = Image.open(io.BytesIO(next(iter(files.values()))))
    assert picture.width == 3 * 168 + 4 * 8
    archive = zipfile.ZipFile(io.BytesIO(png_zip(items)))
    assert sorted(archive.namelist()) == sorted(files)
    assert png_zip(items) == png_zip(items)


def test_a_users_pictures_are_cut_to_the_nets_shape() -> None:
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = (255, 0, 0)
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    colour = user_pictures([("red.png", buffer.getvalue())], (3, 32, 32))
    assert colour.images.shape == (1, 3, 32, 32)
    assert int(colour.images[0, 0].min()) > 200  # the middle square alone
    grey = user_pictures([("red.png", buffer.getvalue())], (1, 12, 12))
    both = grey + drawn_pictures(load_bars(), 2)
    assert both.images.shape == (3, 1, 12, 12)
    assert both.labels[0] == -1
    assert both.classes == load_bars().classes
    with pytest.raises(DataError, match="'bad.png' cannot be read"):
        user_pictures([("bad.png", b"no picture")], (3, 32, 32))


def test_what_does_not_fit_is_said_in_a_sentence() -> None:
    dense, pruned = nets()
    other = small_net(replace(load_bars(), classes=("a", "b", "c", "d")))
    with pytest.raises(EnhancementError, match="do not belong together"):
        run_study(dense, other, drawn_pictures(load_bars(), 2), QUICK)
    with pytest.raises(EnhancementError, match="there is no method 'gradcam'"):
        StudySettings(methods=("gradcam",))
    with pytest.raises(EnhancementError, match="at least 50"):
        StudySettings(steps=10)
    with pytest.raises(EnhancementError, match="it has 80"):
        drawn_pictures(load_bars(), 20_000)
    with pytest.raises(PlanError, match="can be pruned by"):
        candidate_of(dense, PruneOrder(scheme="nothing"))
    colour = user_pictures([("x.png", _png())], (3, 12, 12))
    with pytest.raises(EnhancementError, match="reads pictures of"):
        run_study(dense, pruned, colour, QUICK)


def test_both_nets_get_the_same_extra_training(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[bool, int]] = []

    def trained(graph: Graph, *args: object, epochs: int, **more: object) -> Graph:
        has_mask = any(weight.mask is not None for weight in graph.weights.values())
        calls.append((has_mask, epochs))
        return graph

    monkeypatch.setattr("backend.enhancement.pruned_net.fine_tune", trained)
    dense, pruned = prune_pair(nets()[0], load_bars(), PruneOrder(epochs=2))
    assert calls == [(False, 2), (True, 2)]
    assert any(weight.mask is not None for weight in pruned.weights.values())
    assert all(weight.mask is None for weight in dense.weights.values())


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
