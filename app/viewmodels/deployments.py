"""Deployments and devices as rows and sentences."""

import re
from collections.abc import Sequence

import pandas as pd

from app.viewmodels.numbers import ago, error_size, milliseconds, size
from backend.services.views import DeploymentView, DeviceView, StepView

STEP_ICONS = {
    "waiting": ":material/radio_button_unchecked:",
    "running": ":material/progress_activity:",
    "done": ":material/check_circle:",
    "skipped": ":material/skip_next:",
    "failed": ":material/error:",
}
STEP_COLOURS = {
    "waiting": "gray",
    "running": "blue",
    "done": "green",
    "skipped": "gray",
    "failed": "red",
}


STEP_TITLES = {
    "build": "build for the device",
    "probe": "look at the device",
    "compare": "compare with what is there",
    "upload": "put it aside",
    "digest": "check the digest there",
    "place": "move it into place",
    "self_test": "self-test on the device",
    "switch": "switch",
    "read_back": "read the release back",
    "tidy": "tidy up",
}
_ABSOLUTE_PATH = re.compile(r",?\s*(?<![\w.])/[^\s,;]+")
_BYTES = re.compile(r"\b(\d{4,}) bytes\b")


def step_title(step: StepView) -> str:
    """Return what a step does, in words."""
    return STEP_TITLES.get(step.name, step.name.replace("_", " "))


def step_note(step: StepView) -> str:
    """Return a step's message; a page shows no absolute path, and sizes with a prefix."""
    without = _ABSOLUTE_PATH.sub("", step.message)
    return _BYTES.sub(lambda found: size(int(found.group(1))), without).strip()


def step_line(step: StepView) -> str:
    """Return a step as icon, state and seconds; its name and message are shown as plain text."""
    icon = STEP_ICONS.get(step.state, STEP_ICONS["waiting"])
    colour = STEP_COLOURS.get(step.state, "gray")
    seconds = "" if step.seconds is None else f" · {step.seconds:.1f} s"
    return f":{colour}[{icon} {step.state}]{seconds}"


def verdict(view: DeploymentView) -> str:
    """Return the result of an ended deployment in one sentence."""
    if view.state != "done":
        return view.error or f"The deployment is {view.state}."
    if not view.verified:
        return "The release stands on the device, but its outputs were not checked."
    kept = "was already there, nothing changed" if view.unchanged else "is now the current one"
    return (
        f"Release {view.release} {kept}. Its outputs differ from the reference by at most "
        f"{error_size(view.max_relative_error)} (relative), and one run takes "
        f"{milliseconds(view.latency_ms)} on this device."
    )


def history_table(deployments: Sequence[DeploymentView]) -> pd.DataFrame:
    """Return deployments, newest first."""
    rows = [
        {
            "when": d.created_at,
            "device": "this computer" if d.device == "local" else d.device,
            "candidate": d.candidate_id,
            "state": d.state,
            "verified": d.verified,
            "release": d.release or "",
            "latency (ms)": d.latency_ms,
            "error": d.max_relative_error,
            "changed": not d.unchanged if d.state == "done" else None,
        }
        for d in sorted(deployments, key=lambda item: item.created_at, reverse=True)
    ]
    columns = ["when", "device", "candidate", "state", "verified", "release"]
    return pd.DataFrame(rows, columns=[*columns, "latency (ms)", "error", "changed"])


def newest_for(deployments: Sequence[DeploymentView], candidate_id: str) -> DeploymentView | None:
    """Return the newest deployment of a candidate."""
    mine = [d for d in deployments if d.candidate_id == candidate_id]
    return max(mine, key=lambda item: item.created_at, default=None)


def device_title(device: DeviceView) -> str:
    """Return the name that people see: the local device is `This computer`."""
    name = "This computer" if device.kind == "local" else device.name
    return f"{name} (emulated)" if device.emulated else name


def device_address(device: DeviceView) -> str:
    """Return `user@host:port`, or a sentence for this computer."""
    if device.kind == "local":
        return "no connection needed"
    return f"{device.user}@{device.host}:{device.port}"


FACT_NAMES = {
    "machine": "architecture",
    "arch": "architecture",
    "cpu": "processor",
    "cpu_model": "processor",
    "cores": "cores",
    "memory_bytes": "memory",
    "free_bytes": "free disk",
    "disk_free_bytes": "free disk",
    "libc": "C library",
    "target": "compiler target",
    "kernel": "operating system",
    "governor": "clock governor",
    "temperature_c": "temperature",
    "features": "features",
    "isa": "features",
}


def fact_rows(device: DeviceView) -> list[tuple[str, str]]:
    """Return what the probe found as pairs of name and text, units included."""
    rows = []
    for key, value in (device.facts or {}).items():
        if value in (None, "", [], {}):
            continue
        rows.append((FACT_NAMES.get(key, key.replace("_", " ")), _fact_text(key, value)))
    return rows


def _fact_text(key: str, value: object) -> str:
    if key.endswith("_bytes") and isinstance(value, (int, float)):
        return f"{value / 1e9:.1f} GB" if value >= 1e9 else size(value)
    if key.endswith("_kib") and isinstance(value, (int, float)):
        return f"{value * 1024 / 1e9:.1f} GB"
    if key.endswith("_c") and isinstance(value, (int, float)):
        return f"{value:.1f} °C"
    if isinstance(value, (list, tuple)):
        return " ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return str(value)


def probed(device: DeviceView) -> str:
    """Return when a device was last looked at."""
    return "not probed yet" if device.probed_at is None else f"probed {ago(device.probed_at)}"
