"""The ways of looking into a net: one row each; a study runs whatever stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor

from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.feature_inversion import invert_features
from backend.enhancement.integrated_gradients import integrated_gradients
from backend.enhancement.settings import METHOD_TITLES, StudySettings

Tick = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Look:
    """A batch of pictures that a method looks at.

    Attributes:
        x: inputs of the net, (n, c, h, w).
        classes: the class that is explained, (n,).
        numbers: positions of the pictures in the study, which seed their noise.
        settings: of the study, with `layer` filled in.
        tick: told the number of images after each pass through the net.
    """

    x: Tensor
    classes: Tensor
    numbers: Sequence[int]
    settings: StudySettings
    tick: Tick


@dataclass(frozen=True, eq=False)
class Seen:
    """What a method found.

    Attributes:
        maps: how strong each pixel is, non-negative, (n, h, w).
        facts: further numbers, (n,) each.
        pictures: pixel values 0 to 1 where the method makes pictures, (n, c, h, w).
    """

    maps: Tensor
    facts: Mapping[str, Tensor] = field(default_factory=dict)
    pictures: Tensor | None = None


@dataclass(frozen=True)
class Method:
    """One way of looking.

    Attributes:
        title: what people call it.
        look: does it.
        passes: about how many passes through the net a picture needs.
        ranks_pixels: whether a map says which pixels matter, so that deletion can check it.
        is_scored: whether its maps are scored for sharpness; a control is not.
    """

    title: str
    look: Callable[[AttributedNet, Look], Seen]
    passes: Callable[[StudySettings], int]
    ranks_pixels: bool = True
    is_scored: bool = True


def _guided(net: AttributedNet, look: Look) -> Seen:
    gradient = net.guided_gradient(look.x, look.classes)
    look.tick(len(look.x))
    return Seen(gradient.abs().sum(1))


def _integrated(net: AttributedNet, look: Look) -> Seen:
    settings = look.settings
    found = integrated_gradients(
        net,
        look.x,
        look.classes,
        steps=settings.steps,
        most_steps=settings.most_steps,
        tolerance=settings.tolerance,
        tick=look.tick,
    )
    facts = {"completeness_gap": found.gap, "steps": found.steps.float()}
    return Seen(found.values.abs().sum(1), facts)


def _inversion(net: AttributedNet, look: Look) -> Seen:
    settings = look.settings
    found = invert_features(
        net,
        look.x,
        settings.layer,
        _noise(look.x, look.numbers, settings.seed),
        iterations=settings.iterations,
        tick=look.tick,
    )
    low, high = net.box()
    wanted = (look.x - low) / (high - low)
    error = (found.pictures - wanted).square().flatten(1).mean(1)
    facts = {
        "psnr_db": -10.0 * torch.log10(error.clamp(min=1e-10)),
        "feature_error": found.feature_error,
        "loss_kept": found.last_loss / found.first_loss,
    }
    return Seen(edge_map(found.pictures), facts, found.pictures)


def _random(net: AttributedNet, look: Look) -> Seen:
    del net
    return Seen(_noise(look.x, look.numbers, look.settings.seed)[:, 0].abs())


def edge_map(pictures: Tensor) -> Tensor:
    """Length of a picture's gradient by central differences, over all channels: (n, h, w)."""
    padded = torch.nn.functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return (right.square() + down.square()).sum(1).sqrt()


def _noise(x: Tensor, numbers: Sequence[int], seed: int) -> Tensor:
    """Standard normal numbers that depend on seed and picture alone, whatever the batches."""
    rows = [
        torch.randn(x.shape[1:], generator=torch.Generator().manual_seed((seed << 32) + number))
        for number in numbers
    ]
    return torch.stack(rows).to(x)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "guided": Method(METHOD_TITLES["guided"], _guided, lambda _: 1),
        "integrated": Method(METHOD_TITLES["integrated"], _integrated, lambda s: s.steps + 10),
        "inversion": Method(
            METHOD_TITLES["inversion"], _inversion, lambda s: s.iterations, ranks_pixels=False
        ),
        "random": Method("Random order", _random, lambda _: 0, is_scored=False),
    }
)
"""By the names of `METHOD_NAMES`, and the control that deletion is compared with. The map of an
inversion is the edges of the picture it recovered."""

CONTROL = "random"
