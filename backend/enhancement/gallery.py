"""What both nets see in the first pictures of a study, on one scale of grey."""

from __future__ import annotations

import numpy as np

from backend.data.image_data import Pixels
from backend.enhancement.exhibit import Exhibit, Sight
from backend.enhancement.measurement import FloatArray, Measurement
from backend.enhancement.methods import CONTROL
from backend.enhancement.study import Study

_CLIP = 99.5  # percentile that is drawn as strongest, so that one pixel does not darken the rest


def exhibits(study: Study) -> tuple[Exhibit, ...]:
    """The pictures that the study kept for looking at."""
    shown = min(study.settings.shown, len(study.pictures))
    return tuple(_exhibit(study, number) for number in range(shown))


def _exhibit(study: Study, number: int) -> Exhibit:
    sights = {}
    for method, (dense, pruned) in study.seen.items():
        if method != CONTROL and number < len(dense.maps):
            sights[method] = _sight(dense, pruned, number)
    names = [_class_name(study, int(top[number])) for top in study.top]
    image = study.pictures.images[number]
    return Exhibit(study.pictures.names[number], image, names[0], names[1], sights)


def _sight(dense: Measurement, pruned: Measurement, number: int) -> Sight:
    if dense.pictures.size:
        return Sight(dense.pictures[number], pruned.pictures[number])
    strongest = max(float(np.percentile(m.maps[number], _CLIP)) for m in (dense, pruned))
    return Sight(_grey(dense.maps[number], strongest), _grey(pruned.maps[number], strongest))


def _grey(values: FloatArray, strongest: float) -> Pixels:
    if strongest <= 0.0:
        return np.zeros(values.shape, np.uint8)
    grey: Pixels = np.round(255 * np.clip(values / strongest, 0.0, 1.0)).astype(np.uint8)
    return grey


def _class_name(study: Study, index: int) -> str:
    names = study.pictures.classes
    return names[index] if index < len(names) else f"class {index}"
