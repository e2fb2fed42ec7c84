"""Which code a sampler is: a comparison does not mix runs of different ones."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from backend.search.samplers import SAMPLERS


@cache
def sampler_code(name: str) -> str:
    """Digits that tell the sources of a sampler's own module or package, and Optuna's version.

    What samplers share (`reseeded.py`, `drawn.py`) is plumbing: it decides who is asked, not what
    is proposed, and so does not count.
    """
    import optuna

    digest = hashlib.sha256(optuna.__version__.encode())
    spec = importlib.util.find_spec(SAMPLERS[name])
    assert spec is not None and spec.origin is not None, name
    origin = Path(spec.origin)
    files = sorted(origin.parent.glob("*.py")) if origin.name == "__init__.py" else [origin]
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]
