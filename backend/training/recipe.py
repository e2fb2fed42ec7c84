"""Everything that decides how a net is trained, beside the net and the data."""

from __future__ import annotations

from dataclasses import dataclass

from backend.training.errors import TrainingError

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Distillation:
    """How much a net learns from a dense one (Hinton et al. 2015; Romero et al., FitNets, 2015).

    Attributes:
        hard_weight: share of the labels in the loss of the scores. The net has learnt these images
            by heart: with a half, a short training of the dense ResNet-20 lost 0.5 points of test
            accuracy, with a tenth nothing.
        temperature: T that softens the scores of both nets.
        feature_weight: weight of the distance between values inside both nets; 0 = not looked at.
        features: names of nodes to compare; empty = the last value of each stage whose shapes
            agree.
    """

    hard_weight: float = 0.1
    temperature: float = 4.0
    feature_weight: float = 0.0
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(0 <= self.hard_weight <= 1, "hard_weight", self.hard_weight, "from 0 to 1")
        _require(self.temperature > 0, "temperature", self.temperature, "above 0")
        _require(self.feature_weight >= 0, "feature_weight", self.feature_weight, "0 or more")


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum 0.9, a warm-up and half a cosine.

    Attributes:
        epochs: passes over the examples; 0 trains nothing.
        batch: examples of a step.
        learning_rate: its peak.
        warm_up: share of the steps in which the rate rises to the peak.
        weight_decay: of weights with two axes or more.
        label_smoothing: share of the label spread over all classes.
        flip: mirror pictures left and right, each with probability one half.
        shift: move pictures by up to so many pixels; the border is black.
        cutout: side in pixels of a square that is blackened; 0 = none.
        average: share that the running mean of weights keeps in a step; 0 = no mean. In the first
            steps the share is lower (step / (step + 10)). Where there is a mean, it is what is
            validated and returned.
        whole_batches: leave out a last batch that is smaller than the others.
        patience: stop after so many epochs without a lower validation loss, and return the best;
            0 = train to the end and return the last.
        precision: of convolutions and matrix products, one of `PRECISIONS`; auto takes bfloat16
            where the machine multiplies it faster, float16 on GPUs without it. Weights, batch norm
            and losses are float32 in any case.
        seed: of order and augmentation.
        distillation: how to learn from a teacher where there is one; None takes the labels alone.
    """

    epochs: int = 1
    batch: int = 64
    learning_rate: float = 0.02
    warm_up: float = 0.1
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0
    flip: bool = True
    shift: int = 0
    cutout: int = 0
    average: float = 0.0
    whole_batches: bool = False
    patience: int = 0
    precision: str = "auto"
    seed: int = 0
    distillation: Distillation | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "shift", "cutout", "patience", "weight_decay"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require(self.batch >= 1, "batch", self.batch, "1 or more")
        _require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        for name in ("warm_up", "label_smoothing", "average"):
            _require(0 <= getattr(self, name) < 1, name, getattr(self, name), "from 0 to below 1")
        names = " or ".join(PRECISIONS)
        _require(self.precision in PRECISIONS, "precision", self.precision, names)

    @property
    def keeps_pixels(self) -> bool:
        """Whether pictures are at most mirrored, so that a teacher's scores can be stored."""
        return not self.shift and not self.cutout


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        msg = f"the recipe's {name} is {value!r}; it must be {wanted}"
        raise TrainingError(msg)
