"""The registry of devices and the deployments, with jobs only queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.services import deployments, devices
from backend.services.devices import DeviceRefusedError
from backend.services.jobs import get_job, list_jobs
from codegen.errors import PunchcardError

FINGERPRINT = "SHA256:" + "a" * 43


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id_ed25519"
    path.write_text("a key")
    path.chmod(0o600)
    return path


def add(key: Path, **changed: object) -> None:
    fields: dict[str, object] = {
        "name": "pi",
        "host": "pi.local",
        "port": 22,
        "user": "pi",
        "key_path": str(key),
        "fingerprint": FINGERPRINT,
    }
    devices.add_device(**{**fields, **changed})  # type: ignore[arg-type]


def test_this_computer_is_always_there() -> None:
    (local,) = devices.list_devices()
    assert (local.name, local.kind, local.facts) == ("local", "local", None)
    with pytest.raises(DeviceRefusedError, match="cannot be removed"):
        devices.remove_device("local")


def test_device_is_added_listed_and_removed(key: Path) -> None:
    add(key)
    view = devices.get_device("pi")
    assert (view.kind, view.host, view.fingerprint) == ("ssh", "pi.local", FINGERPRINT)
    with pytest.raises(DeviceRefusedError, match="There is a device pi already"):
        add(key)
    devices.remove_device("pi")
    with pytest.raises(DeviceRefusedError, match="There is no device 'pi'"):
        devices.get_device("pi")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "local"),
        ("name", "../pi"),
        ("host", "pi;id"),
        ("host", "-oProxyCommand=id"),
        ("port", 0),
        ("user", "root$(id)"),
        ("fingerprint", ""),
        ("fingerprint", "MD5:aa"),
        ("key_path", "/no/such/key"),
        ("key_path", ""),
    ],
)
def test_field_that_is_refused_registers_nothing(key: Path, field: str, value: object) -> None:
    with pytest.raises(PunchcardError) as raised:
        add(key, **{field: value})
    assert "\n" not in str(raised.value)
    assert len(devices.list_devices()) == 1


def test_key_that_others_may_read_is_refused(key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(DeviceRefusedError, match="chmod 600"):
        add(key)


def test_scan_and_probe_are_jobs(key: Path) -> None:
    add(key)
    assert get_job(devices.scan_host("pi.local", 2222)).kind == "scan_host_key"
    assert get_job(devices.probe_device("pi")).kind == "probe"
    with pytest.raises(DeviceRefusedError):
        devices.scan_host("pi local")
    with pytest.raises(DeviceRefusedError):
        devices.probe_device("nobody")


def test_double_click_is_one_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "package_folder", lambda _candidate: Path())
    first = deployments.start_deployment("s-1", "local", request_id="click")
    assert deployments.start_deployment("s-1", "local", request_id="click") == first
    (view,) = deployments.list_deployments()
    assert (view.job_id, view.device, view.state) == (first, "local", "queued")
    other = deployments.start_deployment("s-1", "local", request_id="another click")
    assert other != first
    assert len(deployments.list_deployments()) == len(list_jobs()) == 2


def test_unknown_candidate_or_device_queues_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PunchcardError):
        deployments.start_deployment("nothing-1", "local")
    with pytest.raises(DeviceRefusedError):
        deployments.rollback_device("nobody")
    assert list_jobs() == ()


def test_roll_back_is_a_job_and_no_line_of_the_history() -> None:
    assert get_job(deployments.rollback_device("local")).kind == "rollback"
    assert deployments.list_deployments() == ()
