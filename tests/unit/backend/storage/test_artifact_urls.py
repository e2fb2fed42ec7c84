"""Artefacts at a URL: shared by machines, copied here, checked, and told when out of reach."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from backend.storage.artifacts import ArtifactStore, open_artifacts
from backend.storage.errors import StorageError
from backend.storage.remote_folder import RemoteFolder
from backend.storage.settings import load_settings
from tests.fixtures.s3_server import s3_bucket


@pytest.fixture(autouse=True)
def no_client_of_another_test() -> None:
    """fsspec keeps clients, with the endpoint they were made for."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture(params=["memory", "s3"])
def url(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    if request.param == "memory":
        yield f"memory://{tmp_path.name}"
        return
    with s3_bucket(tmp_path.name, monkeypatch) as place:
        yield place


def test_two_machines_share_what_one_has_stored(url: str, tmp_path: Path) -> None:
    here = ArtifactStore(tmp_path / "here", RemoteFolder(url))
    there = ArtifactStore(tmp_path / "there", RemoteFolder(url))
    digest = here.put(b"content")
    assert here.put(b"content") == digest == hashlib.sha256(b"content").hexdigest()
    assert not there.path(digest).exists()
    assert there.get(digest) == b"content"
    assert there.file(digest).read_bytes() == b"content"
    with pytest.raises(StorageError, match="000 is not in .*make it again"):
        there.get("0" * 64)


def test_damaged_artifact_is_not_kept(url: str, tmp_path: Path) -> None:
    remote = RemoteFolder(url)
    digest = hashlib.sha256(b"content").hexdigest()
    remote.put(f"{digest[:2]}/{digest}", b"other")
    store = ArtifactStore(tmp_path, remote)
    with pytest.raises(StorageError, match=r"is damaged: delete .*://.* and make it again"):
        store.get(digest)
    assert not store.path(digest).exists()


def test_setting_names_a_folder_or_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = open_artifacts(load_settings()).put(b"x")
    assert (load_settings().artifacts / digest[:2] / digest).exists()
    for place in (tmp_path / "a", f"file://{tmp_path}/b"):
        monkeypatch.setenv("PUNCHCARD_ARTIFACTS", str(place))
        store = open_artifacts(load_settings())
        assert store.path(store.put(b"x")).is_relative_to(tmp_path)
    monkeypatch.setenv("PUNCHCARD_ARTIFACTS", "memory://shared")
    store = open_artifacts(load_settings())
    assert store.get(store.put(b"x")) == b"x"
    assert store.label == "memory://shared"


@pytest.mark.parametrize(
    ("place", "reason"),
    [("nowhere://x", "cannot be opened: Protocol not known"), ("", "is s3://x, which needs")],
)
def test_url_that_cannot_be_opened_is_one_sentence(
    place: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not place:
        monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(StorageError, match=reason) as caught:
        RemoteFolder(place or "s3://x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bucket", ["bucket", "someone:secret@bucket"])
def test_store_out_of_reach_is_one_sentence_without_the_password(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    store = ArtifactStore(tmp_path, RemoteFolder(f"s3://{bucket}/place"))
    with pytest.raises(StorageError, match="artefact store s3://bucket/place cannot be") as caught:
        store.put(b"x")
    assert "secret" not in str(caught.value)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
