"""What one method sees in one net over all pictures of a study; kept on disk by its content."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from backend.data.image_data import Pixels
from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.faithfulness import STEPS as DELETION_STEPS
from backend.enhancement.faithfulness import deletion_and_insertion
from backend.enhancement.methods import METHODS, Look, Tick
from backend.enhancement.settings import StudySettings
from backend.enhancement.sharpness import measure_sharpness
from backend.storage.artifacts import write_whole

FloatArray = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_VERSION = 2  # of what a stored measurement means


@dataclass(frozen=True, eq=False)
class Measurement:
    """One method on one net.

    Attributes:
        values: number of each picture by name, (n,): sharpness scores and the method's facts.
        maps: of the first pictures, (k, h, w).
        pictures: what the method made of the first pictures, u8 (k, c, h, w); empty for maps.
    """

    values: Mapping[str, Values]
    maps: FloatArray
    pictures: Pixels = field(default_factory=lambda: np.zeros((0, 0, 0, 0), np.uint8))


def passes_of(method: str, settings: StudySettings) -> int:
    """About how many passes through the net a picture needs, for a progress bar."""
    row = METHODS[method]
    checks = 2 * (DELETION_STEPS + 1) if row.ranks_pixels and settings.faithfulness else 0
    return row.passes(settings) + checks


def measure(
    net: AttributedNet,
    method: str,
    images: Pixels,
    classes: Labels,
    settings: StudySettings,
    *,
    cache: Path | None = None,
    tick: Tick = lambda passes: None,
) -> Measurement:
    """Look at u8 images (n, c, h, w), each for its class (n,), in batches.

    Args:
        net: what is looked into.
        method: a name of `METHODS`.
        images: the pictures.
        classes: the class of each that is explained.
        settings: of the study, with `layer` filled in.
        cache: folder where finished measurements are kept and found again.
        tick: told the number of images after each pass.
    """
    path = None if cache is None else cache / f"{_key(net, method, images, classes, settings)}.npz"
    if path is not None and (kept := _read(path)) is not None:
        return kept
    parts = [
        _measure_batch(net, method, images, classes, range(start, stop), settings, tick)
        for start, stop in _batches(len(images), net.batch)
    ]
    result = Measurement(
        {name: np.concatenate([p.values[name] for p in parts]) for name in parts[0].values},
        np.concatenate([p.maps for p in parts])[: settings.shown],
        np.concatenate([p.pictures for p in parts])[: settings.shown],
    )
    if path is not None:
        write_whole(path, _bytes(result))
    return result


def _batches(count: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def _measure_batch(
    net: AttributedNet,
    method: str,
    images: Pixels,
    classes: Labels,
    numbers: range,
    settings: StudySettings,
    tick: Callable[[int], None],
) -> Measurement:
    row = METHODS[method]
    part = slice(numbers.start, numbers.stop)
    x = net.normalised(images[part])
    wanted = torch.from_numpy(classes[part]).to(net.device)
    seen = row.look(net, Look(x, wanted, numbers, settings, tick))
    maps = seen.maps.float()
    values = {name: _numbers(fact) for name, fact in seen.facts.items()}
    if row.is_scored:
        values |= measure_sharpness(maps.cpu().numpy())
        values["strength"] = _numbers(maps.mean((1, 2)))
    if row.ranks_pixels and settings.faithfulness:
        areas = deletion_and_insertion(net, x, wanted, maps, tick=tick)
        values |= dict(zip(("deletion", "insertion"), map(_numbers, areas), strict=True))
    shown = max(0, settings.shown - numbers.start)
    pictures = np.zeros((0, 0, 0, 0), np.uint8)
    if seen.pictures is not None:
        pictures = (seen.pictures[:shown] * 255).round().byte().cpu().numpy()
    return Measurement(values, maps[:shown].cpu().numpy(), pictures)


def _numbers(values: torch.Tensor) -> Values:
    return values.detach().cpu().double().numpy()


def _key(
    net: AttributedNet, method: str, images: Pixels, classes: Labels, settings: StudySettings
) -> str:
    what = replace(settings, methods=("guided",)).to_json()  # the others change nothing here
    state = hashlib.sha256(f"{_VERSION} {net.graph.digest} {method}".encode())
    state.update(json.dumps([what, images.shape], sort_keys=True).encode())
    state.update(np.ascontiguousarray(images).tobytes() + classes.tobytes())
    return state.hexdigest()


def _bytes(measurement: Measurement) -> bytes:
    buffer = io.BytesIO()
    values = {f"value/{name}": array for name, array in measurement.values.items()}
    np.savez(
        buffer,
        allow_pickle=False,
        **values,
        maps=measurement.maps,
        pictures=measurement.pictures,
    )
    return buffer.getvalue()


def _read(path: Path) -> Measurement | None:
    """A kept measurement, or None where there is none or it is torn: it is made again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = {
                name.removeprefix("value/"): arrays[name]
                for name in arrays.files
                if name.startswith("value/")
            }
            return Measurement(values, arrays["maps"], arrays["pictures"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
