"""The hash under which a result is found again: everything the result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

EVALUATION_VERSION = 2
"""Part of every key: raise it when training, repair or generated code change results."""


def evaluation_key(parts: Mapping[str, Any]) -> str:
    """SHA-256 of the named parts (graph, candidate, data, training, seed, device, target)."""
    text = json.dumps({"version": EVALUATION_VERSION, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
