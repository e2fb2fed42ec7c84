"""Registered data sets."""

from __future__ import annotations

from functools import lru_cache

from backend.data.registry import NAMED, open_data
from backend.services.views import DataCard

_TITLES = {"sample": "Fashion-MNIST, a sample of 10,000 + 10,000 pictures"}


def list_data() -> tuple[DataCard, ...]:
    """The data sets that come with Punchcard; searches also take the path of a folder."""
    return tuple(_card(name) for name in NAMED)


@lru_cache(maxsize=16)
def _card(name: str) -> DataCard:
    images = open_data(name)
    return DataCard(
        name=name,
        title=_TITLES.get(name, name),
        classes=len(images.classes),
        train=len(images.train_labels),
        test=len(images.test_labels),
    )
