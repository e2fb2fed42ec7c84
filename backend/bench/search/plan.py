"""Which runs a bench consists of, and in which order, so that what is there is even."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.bench.errors import BenchError
from backend.search.samplers import SAMPLERS

STITCHED, TRAINED = "stitched", "trained"
"""Put together from reconstructed layers; and trained for a short epoch from there."""


@dataclass(frozen=True)
class Part:
    """Runs of one net at one fidelity.

    Attributes:
        net: of the zoo.
        fidelity: STITCHED or TRAINED.
        seeds: of its runs.
        counts: evaluations of a run by sampler; "" is for every other sampler.
        best: only so many samplers, the best of the plan's `judge`; None: all.
    """

    net: str
    fidelity: str
    seeds: tuple[int, ...]
    counts: Mapping[str, int]
    best: int | None = None

    def count(self, sampler: str) -> int:
        """Evaluations of one run."""
        return self.counts.get(sampler, self.counts[""])


@dataclass(frozen=True)
class Judge:
    """Runs by which the best samplers are chosen: seeds, and the evaluations that count."""

    net: str
    fidelity: str
    seeds: tuple[int, ...]
    at: int


@dataclass(frozen=True)
class Pilot:
    """Runs by which one of two settings is chosen; their seeds are no others' seeds."""

    net: str
    fidelity: str
    seeds: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Plan:
    """A bench.

    Attributes:
        name: what `--profile` calls it.
        samplers: names in the registry.
        parts: in the order they are run.
        told: budget that every sampler is told, by (net, fidelity); a run of fewer evaluations is
            the beginning of a longer one.
        marks: evaluations at which samplers are compared.
        validation_images: held-out images of an evaluation.
        calibration_images: on which layers were fitted and batch norm is measured.
        train_images: of an epoch of TRAINED.
        space: as in CONFIG.yaml.
    """

    name: str
    samplers: tuple[str, ...]
    pilot: Pilot
    judge: Judge
    parts: tuple[Part, ...]
    told: Mapping[tuple[str, str], int]
    marks: tuple[int, ...] = (10, 20, 50, 100, 200)
    validation_images: int = 1000
    calibration_images: int = 256
    train_images: int = 2000
    space: Mapping[str, Any] = field(default_factory=lambda: {"menu": "full"})


def plan_of(name: str) -> Plan:
    """A plan by its name.

    Raises:
        BenchError: there is no such plan.
    """
    if name not in PLANS:
        msg = f"there is no profile {name!r}: take {', '.join(PLANS)}"
        raise BenchError(msg)
    return PLANS[name]


_RESNET, _MOBILENET = "resnet20", "mobilenet_v2_05"
_LONG = {"": 200, "gp": 100}
_SHORT = {"": 50}

PLANS = {
    plan.name: plan
    for plan in (
        Plan(
            "full",
            tuple(SAMPLERS),
            Pilot(_RESNET, STITCHED, (1000,), 40),
            Judge(_RESNET, STITCHED, (0, 1), 50),
            (
                Part(_RESNET, STITCHED, (0,), _LONG),
                Part(_RESNET, STITCHED, (1,), _LONG),
                Part(_MOBILENET, STITCHED, (0,), _SHORT, best=3),
                Part(_RESNET, STITCHED, (2,), _LONG),
                Part(_RESNET, TRAINED, (0,), _SHORT, best=3),
                Part(_MOBILENET, STITCHED, (1,), _SHORT, best=3),
                Part(_RESNET, STITCHED, (3,), _LONG),
                Part(_RESNET, STITCHED, (4,), _LONG),
                Part(_RESNET, STITCHED, (5, 6, 7, 8, 9), _SHORT),
                Part(_MOBILENET, STITCHED, (2,), _SHORT, best=3),
                Part(_RESNET, TRAINED, (1,), _SHORT, best=3),
                Part(_RESNET, TRAINED, (2,), _SHORT, best=3),
            ),
            {(_RESNET, STITCHED): 200, (_RESNET, TRAINED): 50, (_MOBILENET, STITCHED): 50},
        ),
        Plan(
            "tiny",  # for tests: nothing it prints means anything
            ("punchcard", "random", "nsga2"),
            Pilot(_RESNET, STITCHED, (1000,), 3),
            Judge(_RESNET, STITCHED, (0,), 4),
            (
                Part(_RESNET, STITCHED, (0, 1), {"": 6, "nsga2": 5}),
                Part(_RESNET, TRAINED, (0,), {"": 2}, best=1),
            ),
            {(_RESNET, STITCHED): 6, (_RESNET, TRAINED): 2},
            marks=(2, 4, 6),
            validation_images=50,
            calibration_images=16,
            train_images=64,
            space={"schemes": ["pattern"], "rates": [4.0]},
        ),
    )
}
