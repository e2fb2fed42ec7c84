"""Where candidates are evaluated: one file each, one line here."""

from __future__ import annotations

from collections.abc import Mapping

EXECUTORS: Mapping[str, str] = {
    "local": "backend.search.executors.local_executor:open_local",
    "ray": "backend.search.executors.ray_executor:open_ray",
}
"""Name to "module:function", which takes an order; nothing is imported before it is chosen."""
