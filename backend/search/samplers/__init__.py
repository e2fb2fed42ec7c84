"""The samplers a search can name. To add one: write the module, add its line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from codegen.errors import PunchcardError

if TYPE_CHECKING:  # Optuna takes a second to import and the page needs only the names
    from optuna.samplers import BaseSampler

    from backend.search.problem import Problem

SAMPLERS: dict[str, str] = {
    "punchcard": "backend.search.samplers.punchcard",
    "npas": "backend.search.samplers.npas",
    "tpe": "backend.search.samplers.tpe",
    "nsga2": "backend.search.samplers.nsga2",
    "gp": "backend.search.samplers.gp",
    "random": "backend.search.samplers.random",
}
"""Name to module; each module has `create(seed, problem) -> BaseSampler`."""


class SamplerError(PunchcardError, ValueError):
    """There is no sampler of that name; a ValueError too, so that pydantic reports it."""


def check_sampler(name: str) -> None:
    """Refuse a name that is not in the registry.

    Raises:
        SamplerError: names the samplers there are.
    """
    if name not in SAMPLERS:
        msg = f"there is no sampler {name!r}; choose among {', '.join(SAMPLERS)}"
        raise SamplerError(msg)


def make_sampler(name: str, seed: int, problem: Problem) -> BaseSampler:
    """Build a sampler for one search.

    Raises:
        SamplerError: there is no such sampler.
    """
    check_sampler(name)
    sampler: BaseSampler = importlib.import_module(SAMPLERS[name]).create(seed, problem)
    return sampler
