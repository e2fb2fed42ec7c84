"""Reconstructed layers on disk: one file for each layer and choice, shared by processes (no torch).

What a choice's file depends on (net, calibration images, pattern sets, version) names the folder,
so that searches over the same net find what earlier ones have reconstructed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from backend.storage.artifacts import write_whole
from codegen.ir.weight import Weight

STORE_VERSION = 1
"""Part of every folder's name: raise it when a reconstruction comes out differently."""

RECONSTRUCTION_IMAGES = 256
"""Training images, at most, that layers are fitted on and stitched nets measure batch norm on."""

_MASK = "mask::"
_SUFFIX = ".safetensors"
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The operator that best makes a dense layer's output under one choice.

    Attributes:
        layer: of the dense net.
        label: of the choice.
        weights: by key of the graph in which the choice's filter type stands; those that differ
            from the dense net's, the bias or batch-norm mean that takes the intercept included.
        error: mean squared error of the layer's output that is left on the calibration images, as
            a share of the output's variance; 0 to about 1.
        removed_energy: share of the dense weight's squares that its mask removes; None for a filter
            type, which has other weights.
        seconds: of one core that it took.
        note: in words, what could not be done as asked.
    """

    layer: str
    label: str
    weights: Mapping[str, Weight] = field(default_factory=dict)
    error: float = 0.0
    removed_energy: float | None = None
    seconds: float = 0.0
    note: str = ""

    @property
    def report(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        return {
            "layer": self.layer,
            "label": self.label,
            "error": self.error,
            "removed_energy": self.removed_energy,
            "seconds": self.seconds,
            "note": self.note,
        }


def store_key(parts: Mapping[str, Any]) -> str:
    """Name of a store's folder: SHA-256 of everything that decides what is in it."""
    text = json.dumps({"version": STORE_VERSION, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class LayerStore:
    """A folder of reconstructions and of the layers' second moments.

    Files are written aside and renamed: a reader sees none or a whole one, and of two processes
    that write the same the last one stands.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, layer: str, label: str) -> bool:
        """Whether a choice is stored."""
        return self._path("choice", layer, label).exists()

    def get(self, layer: str, label: str) -> Reconstruction | None:
        """A stored choice, or None; a damaged file counts as none."""
        found = _read(self._path("choice", layer, label))
        if found is None:
            return None
        arrays, report = found
        weights = {
            key: Weight(values, arrays.get(_MASK + key))
            for key, values in arrays.items()
            if not key.startswith(_MASK)
        }
        return Reconstruction(**report, weights=weights)

    def put(self, made: Reconstruction) -> None:
        """Store a choice.

        Raises:
            StorageError: the folder cannot be written, or the disk is full.
        """
        arrays: dict[str, npt.NDArray[Any]] = {}
        for key, weight in made.weights.items():
            arrays[key] = weight.values
            if weight.mask is not None:
                arrays[_MASK + key] = weight.mask
        self._write(self._path("choice", made.layer, made.label), arrays, made.report)

    def reports(self) -> Iterator[Mapping[str, Any]]:
        """What is known of every stored choice, without its weights."""
        for path in sorted(self.folder.glob(f"choice-*{_SUFFIX}")):
            try:
                with safe_open(path, framework="numpy") as file:
                    yield json.loads((file.metadata() or {})["report"])
            except (OSError, SafetensorError, KeyError, ValueError):
                continue

    def moments(self, layer: str) -> Arrays | None:
        """The arrays of a layer's moments, or None."""
        found = _read(self._path("moments", layer))
        return None if found is None else found[0]

    def put_moments(self, layer: str, arrays: Arrays) -> None:
        """Store a layer's moments.

        Raises:
            StorageError: the folder cannot be written, or the disk is full.
        """
        self._write(self._path("moments", layer), dict(arrays), {"layer": layer})

    def _write(self, path: Path, arrays: Mapping[str, npt.NDArray[Any]], report: object) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        solid = {key: np.ascontiguousarray(values) for key, values in arrays.items()}
        write_whole(path, save(solid, metadata={"report": json.dumps(report)}))

    def _path(self, kind: str, *parts: str) -> Path:
        # names of layers come from users' files and may hold anything
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        return self.folder / f"{kind}-{digest}{_SUFFIX}"


def _read(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
    try:
        with safe_open(path, framework="numpy") as file:
            report = json.loads((file.metadata() or {})["report"])
            return {key: file.get_tensor(key) for key in file.keys()}, report  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
