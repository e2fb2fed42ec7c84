"""The store of reconstructed layers: what is written is read, what is torn counts as missing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from backend.reconstruction.store import LayerStore, Reconstruction, store_key
from codegen.ir.weight import Weight


def made(layer: str, label: str, value: float = 1.0) -> Reconstruction:
    mask = np.array([[True, False], [True, True]])
    weight = Weight(np.full((2, 2), value, np.float32), mask)
    shift = Weight(np.array([0.5, -0.5], np.float32))
    return Reconstruction(
        layer, label, {f"{layer}.weight": weight, "mean": shift}, 0.25, 0.5, 1.5, "n"
    )


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    store = LayerStore(tmp_path / "new")
    assert store.get("a/../b", "dense/@skip") is None
    store.put(made("a/../b", "dense/@skip"))
    found = LayerStore(tmp_path / "new").get("a/../b", "dense/@skip")
    assert found is not None
    wanted = made("a/../b", "dense/@skip")
    assert found.report == wanted.report
    assert set(found.weights) == set(wanted.weights)
    for key, weight in wanted.weights.items():
        np.testing.assert_array_equal(found.weights[key].values, weight.values)
    mask = found.weights["a/../b.weight"].mask
    assert mask is not None and not mask[0, 1] and found.weights["mean"].mask is None
    assert {path.parent for path in tmp_path.rglob("*.safetensors")} == {tmp_path / "new"}


def test_damaged_file_counts_as_none(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)
    store.put(made("a", "x"))
    store.put(made("b", "x"))
    victim = next(tmp_path.glob("choice-*"))
    victim.write_bytes(victim.read_bytes()[:-3])
    found = [store.get(name, "x") for name in ("a", "b")]
    assert sum(one is None for one in found) == 1
    assert len(list(store.reports())) <= 2  # a header may still be whole
    assert not list(tmp_path.glob("*.part"))


def test_writers_of_the_same_choice_leave_a_whole_file(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)

    def write(value: float) -> None:
        for _ in range(20):
            store.put(made("a", "x", value))
            found = store.get("a", "x")
            assert found is not None
            assert len(set(found.weights["a.weight"].values.ravel()) - {0.0}) == 1

    threads = [threading.Thread(target=write, args=(float(value),)) for value in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.iterdir())) == 1


def test_key_follows_from_every_part() -> None:
    parts = {"graph": "a", "data": "b", "images": 256}
    assert store_key(parts) == store_key(dict(reversed(list(parts.items()))))
    assert len({store_key({**parts, "images": n}) for n in (128, 256)}) == 2
