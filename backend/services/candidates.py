"""One finished trial in detail: layers, masks, generated sources, samples, its plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from backend.bench.peak import MachinePeak, kept_peak
from backend.bench.roofline import LayerRoof, roofline
from backend.finalization.source import FINAL
from backend.search.records import SearchError
from backend.search.results import PACKAGE_FOLDER, package_memory, read_evaluation, read_timing
from backend.search.study_view import Trial
from backend.search.trial_lookup import find_trial
from backend.services.rung_scores import rung_scores
from backend.services.views import CandidateView, LayerView, PeakView, RungScore
from backend.sparsity.candidate import LayerChoice
from backend.storage.kept_folders import KeptFolders
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from backend.storage.tables import Finalization, Search
from codegen.ir.storage import load_graph


def get_candidate(trial_id: str) -> CandidateView:
    """A finished trial by its id.

    Raises:
        SearchError: there is no such trial, it has not finished, or its files were removed.
    """
    found = _find(trial_id)
    trial, dense = found.trial, found.dense
    folder = _folder(trial_id, trial)
    evaluation, timing = read_evaluation(folder), read_timing(folder)
    manifest = _manifest(folder)
    if evaluation is None or manifest is None:
        msg = f"the files of candidate {trial_id} are missing under {folder.name}: search again"
        raise SearchError(msg)
    record = trial.record
    peak = _peak(manifest, dense)
    return CandidateView(
        id=trial_id,
        search_id=found.search_id,
        accuracy=record["accuracy"],
        accuracy_se=record["accuracy_se"],
        test_accuracy=found.test_accuracy,
        dense_accuracy=found.rungs[-1].dense_accuracy if found.rungs else dense.get("accuracy"),
        latency_ms=record["latency_ms"],
        dense_latency_ms=record["dense_latency_ms"],
        speedup=record["speedup"],
        rate=record["rate"],
        size_bytes=record["size_bytes"],
        memory_bytes=record.get("memory_bytes") or package_memory(folder),
        max_relative_error=record["max_relative_error"],
        layers=_layers(manifest, evaluation, trial, dense, peak),
        sources=_sources(folder, manifest),
        samples_ms=tuple(timing.get("samples_ms", ())),
        plan_yaml=_plan(trial),
        peak=None
        if peak is None
        else PeakView(threads=peak.threads, gflops=peak.gflops, read_gbps=peak.read_gbps),
        threads=int(manifest.get("threads", 1)),
        training=evaluation.get("training"),
        predicted_ms=record.get("predicted_ms"),
        fidelity=found.rungs[-1].fidelity if found.rungs else "",
        rungs=found.rungs,
    )


def layer_mask(trial_id: str, layer: str) -> npt.NDArray[np.bool_]:
    """Kept weights of one layer as (filters, channels, height, width).

    Raises:
        SearchError: there is no such trial or layer.
    """
    graph = load_graph(candidate_folder(trial_id) / "graph.safetensors")
    node = graph.by_name.get(layer)
    weight = None if node is None else graph.weight(node, "weight")
    if weight is None:
        msg = f"candidate {trial_id} has no layer {layer!r} with weights"
        raise SearchError(msg)
    mask = weight.values != 0 if weight.mask is None else weight.mask
    return mask.reshape(*mask.shape, *(1,) * (4 - mask.ndim))


def candidate_folder(trial_id: str) -> Path:
    """Folder of a finished trial: `graph.safetensors`, `package/`, `check_inputs.npy`, ...

    Raises:
        SearchError: there is no such trial, or it has not finished.
    """
    return _folder(trial_id, _find(trial_id).trial)


def package_folder(trial_id: str) -> Path:
    """The package of a finished trial, built for the device that its search measured on.

    Raises:
        SearchError: there is no such trial, or it has not finished.
    """
    return candidate_folder(trial_id) / PACKAGE_FOLDER


@dataclass(frozen=True)
class _Found:
    """A trial, or a finished net of a finalisation, which is told in the same words."""

    search_id: str
    dense: Mapping[str, Any]
    trial: Trial
    test_accuracy: float | None
    rungs: tuple[RungScore, ...] = ()


def _find(trial_id: str) -> _Found:
    database = open_database()
    finalization_id, _, last = trial_id.rpartition("-")
    if last == FINAL:
        with database.read() as session:
            row = session.get(Finalization, finalization_id)
            search = None if row is None else session.get(Search, row.search_id or "")
        if row is None or row.result is None:
            msg = f"there is no finished net {trial_id!r}: its finalisation is not done, or unknown"
            raise SearchError(msg)
        trial = Trial(-1, "done", row.candidate, row.result)
        test = row.result.get("test", {}).get("final", {}).get("accuracy")
        dense = {} if search is None else search.dense or {}
        return _Found(row.search_id or "", dense, trial, test)
    search, trial, score = find_trial(database, trial_id)
    test = None if score is None else score["accuracy"]
    return _Found(search.id, search.dense or {}, trial, test, rung_scores(trial, search))


def _folder(trial_id: str, trial: Trial) -> Path:
    if trial.state != "done":
        msg = f"candidate {trial_id} is {trial.state}: only a finished one can be opened"
        raise SearchError(msg)
    return KeptFolders(load_settings()).path(str(trial.record["folder"]))


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads(
            (folder / PACKAGE_FOLDER / "manifest.json").read_bytes()
        )
    except (OSError, ValueError):
        return None
    return manifest


def _layers(
    manifest: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    trial: Trial,
    dense: Mapping[str, Any],
    peak: MachinePeak | None,
) -> tuple[LayerView, ...]:
    rates = {row["name"]: row for row in evaluation["layers"]}
    layer_ms = trial.record.get("layer_ms") or {}
    labels = trial.params
    parts = evaluation.get("parts") or {}
    owner = {name: layer for layer, names in parts.items() for name in names if name != layer}
    dense_ms = dense.get("layer_ms") or {}
    views = []
    roofs = _roofs(manifest["layers"], layer_ms, peak)
    for layer in manifest["layers"]:
        name = layer["name"]
        row, roof = rates.get(name, {}), roofs.get(name)
        views.append(
            LayerView(
                name=name,
                op=layer["op"],
                scheme=row.get("scheme", "dense"),
                rate_asked=row.get("asked", 1.0),
                rate=row.get("achieved", 1.0),
                structure=_structure(labels, owner.get(name, name), row),
                filter_type=row.get("filter_type", "keep"),
                part_of=owner.get(name, ""),
                total_ms=_total_ms(layer_ms, parts.get(name, [name])),
                macs=_dense_macs(layer, row),
                nonzero_macs=layer["nonzero_macs"],
                ms=layer_ms.get(name),
                dense_ms=dense_ms.get(name),
                kernel=layer["kernel"],
                source=layer["source"],
                format=layer.get("format", ""),
                tuned=layer.get("tuned", False),
                weight_bytes=layer.get("weight_bytes", 0),
                activation_bytes=layer.get("activation_bytes", 0),
                gflops=None if roof is None else roof.gflops,
                peak_share=None if roof is None else roof.peak_share,
                intensity=None if roof is None else roof.intensity,
                bound=None if roof is None else roof.bound,
            )
        )
    gone = [name for name, names in parts.items() if not names]
    return (*views, *(_skipped(name, dense_ms.get(name)) for name in gone))


def _structure(labels: Mapping[str, str], layer: str, row: Mapping[str, Any]) -> str:
    """The fields of a layer's scheme in words, where this convolution has the scheme."""
    if layer not in labels:
        return ""
    choice = LayerChoice.parse(labels[layer])
    return choice.words if row.get("scheme") == choice.scheme else ""


def _total_ms(layer_ms: Mapping[str, float], parts: Sequence[str]) -> float | None:
    """Time of all convolutions in a layer's place, where all were measured."""
    times = [layer_ms.get(name) for name in parts]
    return sum(ms for ms in times if ms is not None) if None not in times else None


def _skipped(name: str, dense_ms: float | None) -> LayerView:
    """A layer that was left out."""
    return LayerView(
        name=name,
        op="skip",
        scheme="dense",
        rate_asked=1.0,
        rate=1.0,
        macs=0,
        nonzero_macs=0,
        ms=None,
        dense_ms=dense_ms,
        kernel="",
        source="",
        filter_type="skip",
    )


def _dense_macs(layer: Mapping[str, Any], row: Mapping[str, Any]) -> int:
    """MACs of the dense net's layer: the compiled one may have lost whole channels."""
    kept, nonzero = int(row.get("kept", 0)), int(layer["nonzero_macs"])
    if not kept or nonzero % kept:
        return int(layer["macs"])
    return max(int(layer["macs"]), nonzero // kept * int(row["total"]))


def _peak(manifest: Mapping[str, Any], dense: Mapping[str, Any]) -> MachinePeak | None:
    """The peak taken with the search's dense net, else what this computer has kept."""
    stored = dense.get("peak")
    if stored:
        return MachinePeak.from_json(stored)
    return kept_peak(str(manifest.get("target", "")), 1, load_settings())


def _roofs(
    layers: Sequence[Mapping[str, Any]],
    layer_ms: Mapping[str, float],
    peak: MachinePeak | None,
) -> dict[str, LayerRoof]:
    timed = [layer for layer in layers if layer_ms.get(layer["name"])]
    if peak is None or not timed:
        return {}
    times = [layer_ms[layer["name"]] for layer in timed]
    return {roof.name: roof for roof in roofline(timed, times, peak)}


def _sources(folder: Path, manifest: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    names = sorted(name for name in manifest["files"] if name.startswith("src/"))
    package = folder / PACKAGE_FOLDER
    return tuple(
        (name.removeprefix("src/"), (package / name).read_text(encoding="utf-8"))
        for name in names
        if (package / name).is_file()
    )


def _plan(trial: Trial) -> str:
    layers = {}
    for name, label in trial.params.items():
        choice = LayerChoice.parse(label)
        values = {key: getattr(choice, key) for key in choice.fields}
        if "block" in values:
            values["block"] = list(values["block"])
        layers[name] = {"scheme": choice.scheme, **values}
    plan = {"default": {"scheme": "dense"}, "layers": layers}
    return yaml.safe_dump(plan, sort_keys=False, default_flow_style=None, width=100)
