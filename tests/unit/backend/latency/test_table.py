"""A table's file: reads back as it was, refuses what is none, says where it does not hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.latency.errors import LatencyError
from backend.latency.table import LatencyTable
from backend.latency.table_store import TableStore, read_table
from backend.storage.settings import Settings
from tests.unit.backend.latency.chain_truth import DEEP, LABELS, NET, SIGNATURES, WIDE, table


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(Settings(home=tmp_path))


def test_a_file_reads_back_as_it_was() -> None:
    known = table(12)
    again = LatencyTable.from_json(known.to_json())
    assert again.to_json() == known.to_json()
    assert again.entries == known.entries


def test_entries_have_count_mean_and_variance_of_their_shape() -> None:
    known = table(30)
    entry = known.entries[WIDE]["dense"]
    layers = [name for name, signature in SIGNATURES.items() if signature == WIDE]
    times = [
        run.layer_ms[name] for run in known.runs for name in layers if run.labels[name] == "dense"
    ]
    assert entry.count == len(times)
    assert entry.mean_ms == pytest.approx(sum(times) / len(times))
    assert entry.variance_ms2 > 0
    assert set(known.entries) == {WIDE, DEEP}
    assert known.coverage(SIGNATURES, LABELS) == 1.0
    assert table(1).coverage(SIGNATURES, LABELS) < 0.6


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b"\x00\xff",
        b'{"format": 99}',
        json.dumps({**json.loads(table(2).to_json()), "runs": [{"net": "x"}]}).encode(),
        table(2).to_json().replace('"dense"', '"no such thing"').encode(),
        table(2).to_json().replace('"role": "fit"', '"role": "both"').encode(),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(LatencyError) as error:
        LatencyTable.from_json(content, "mine.json")
    assert "mine.json" in str(error.value)
    assert len(str(error.value)) <= 400


def test_a_table_holds_for_one_device_target_and_version() -> None:
    known = table(2)
    identity = known.device["identity"]
    assert known.why_unfit(identity, known.target) is None
    assert "another device" in (known.why_unfit("b", known.target) or "")
    assert "target" in (known.why_unfit(identity, "arm") or "")
    old = replace(known, generator="punchcard 0.0")
    assert "punchcard 0.0" in (old.why_unfit(identity, known.target) or "")


def test_the_store_lists_takes_in_and_finds_what_fits(store: TableStore) -> None:
    small, large = table(3), table(9)
    other = replace(table(20), target="arm")
    store.write("small", small)
    store.write("other", other)
    name = store.bring_in(large.to_json().encode(), "theirs.json").name
    assert name.startswith("local-file-")
    found = store.fitting("a" * 64, small.target, NET)
    assert found is not None
    assert found.name == name
    assert store.fitting("b" * 64, small.target, NET) is None
    assert [one.name for one in store.tables()] == sorted(["small", "other", name])
    store.remove(name)
    assert name not in store.names()


def test_bad_names_damaged_files_and_two_builders_are_told(
    store: TableStore, tmp_path: Path
) -> None:
    for name in ("../x", "", "a/b", "x" * 200):
        with pytest.raises(LatencyError, match="no name"):
            store.path(name)
    with pytest.raises(LatencyError, match="there is no latency table 'x'"):
        store.read("x")
    store.write("good", table(2))
    store.path("bad").write_text("{")
    assert [one.name for one in store.tables()] == ["good"]
    with pytest.raises(LatencyError, match="cannot be read"):
        read_table(tmp_path / "nothing.json")
    with (
        store.held("good"),
        pytest.raises(LatencyError, match="another process"),
        store.held("good"),
    ):
        pass
