"""How much an accuracy table computes, by what the machine can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.bench.errors import BenchError
from backend.training.machine import has_gpu

FULL, SHORT, TRAINED = "full", "short", "trained"


@dataclass(frozen=True)
class NetPlan:
    """One net of a profile.

    Attributes:
        rows: FULL for all rows, SHORT for dense, 2.25x and 8.1x; TRAINED for the last two by
            training alone, where the layers are too wide to repair filter by filter.
        start_epochs: of the dense start that all rows share, where none is shipped.
        least: accuracy of the dense start below which the table is "under-trained"; None: none.
    """

    rows: str
    start_epochs: int
    least: float | None


@dataclass(frozen=True)
class Profile:
    """Nets, seeds and lengths.

    Attributes:
        name: what `--profile` calls it.
        nets: by their name in the zoo.
        seeds: every row is run with each.
        epochs: of the extra training that every row gets, the dense one too.
        images: training images of one such epoch, drawn by the seed.
        rate: peak learning rate of it.
        repair_images: unlabelled images that repair sees.
        batch: of the extra training.
        start_batch: of the dense start; its learning rate grows with it.
    """

    name: str
    nets: Mapping[str, NetPlan]
    seeds: tuple[int, ...]
    epochs: int
    images: int
    rate: float
    repair_images: int = 512
    batch: int = 64
    start_batch: int = 128


def profile_of(name: str | None) -> Profile:
    """A profile by its name; without one what this machine can carry.

    Raises:
        BenchError: there is no such profile.
    """
    if name is None:
        name = "cuda" if has_gpu() else "cpu"
    if name not in PROFILES:
        msg = f"there is no profile {name!r}: take {', '.join(PROFILES)}"
        raise BenchError(msg)
    return PROFILES[name]


# Least accuracies: what the nets reach on CIFAR-10 when they are trained properly.
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "cpu",
            {
                "resnet20": NetPlan(FULL, 30, 0.905),
                "vgg_small": NetPlan(SHORT, 24, None),
            },
            seeds=(0, 1, 2),
            epochs=2,
            images=25_000,
            rate=0.05,
        ),
        Profile(
            "cuda",
            {
                "vgg16_cifar": NetPlan(FULL, 150, 0.93),
                "resnet18": NetPlan(FULL, 150, 0.945),
                "mobilenet_v2": NetPlan(SHORT, 150, None),
            },
            seeds=(0, 1, 2),
            epochs=40,
            images=50_000,
            rate=0.05,
        ),
        Profile(
            "cuda-short",  # ten minutes of one large GPU, several processes at once
            {
                "resnet20": NetPlan(FULL, 60, 0.905),
                "vgg_small": NetPlan(SHORT, 60, None),
                "vgg16_cifar": NetPlan(TRAINED, 60, 0.93),
            },
            seeds=(0, 1, 2),
            epochs=5,
            images=48_000,
            rate=0.1,
            batch=256,
            start_batch=512,
        ),
        Profile(
            "tiny",  # for tests: nothing it prints means anything
            {"resnet8": NetPlan(FULL, 1, 0.905)},
            seeds=(0, 1),
            epochs=1,
            images=200,
            rate=0.05,
            repair_images=64,
        ),
    )
}
