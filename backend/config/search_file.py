"""CONFIG.yaml: one search. The page's form writes the same schema; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backend.config.errors import ConfigError
from backend.config.executor_config import ExecutorConfig
from backend.config.rungs import REPAIRED, Rung, Trained, why_not_rising
from backend.config.search_space import SpaceConfig
from backend.training.algorithms.admm_settings import AdmmSettings
from backend.training.algorithms.settings import PruneSettings
from backend.training.recipe import Distillation, Recipe
from codegen.errors import PlanError

MAX_FILE_BYTES = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Budget(_Section):
    """When the search ends; whichever limit is reached first.

    Attributes:
        trials: finished candidates; failed ones and the dense baseline cost nothing.
        minutes: of running time, over all runs of the search.
        epochs: of training, summed over everything this search trained itself: failed candidates
            and the baseline too, results out of the cache not.
    """

    trials: int | None = Field(default=None, ge=1, le=100_000)
    minutes: float | None = Field(default=None, gt=0, le=60 * 24 * 30)
    epochs: int | None = Field(default=None, ge=1, le=100_000_000)

    @model_validator(mode="after")
    def _one_limit(self) -> Budget:
        if self.trials is None and self.minutes is None and self.epochs is None:
            msg = "give trials, minutes or epochs; the limit reached first ends the search"
            raise ValueError(msg)
        return self


class Constraints(_Section):
    """Limits a candidate has to keep to stand on the front.

    Attributes:
        latency_ms: median of its measured samples.
        accuracy: at least this fraction of the validation images.
        size_bytes: packed weights on the device.
        memory_bytes: peak memory of one inference: packed weights and arena.
    """

    latency_ms: float | None = Field(default=None, gt=0)
    accuracy: float | None = Field(default=None, gt=0, le=1)
    size_bytes: int | None = Field(default=None, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)


class Admm(_Section):
    """ADMM of each candidate; see `AdmmSettings` for the meaning."""

    rhos: tuple[float, ...] = AdmmSettings.rhos
    stages: int = Field(default=AdmmSettings.stages, ge=1, le=100)
    updates: int = Field(default=AdmmSettings.updates, ge=1, le=1000)
    share: float = Field(default=AdmmSettings.share, gt=0, lt=1)
    selection: str = AdmmSettings.selection
    selection_rate: float = Field(default=AdmmSettings.selection_rate, gt=0, le=1000)
    library: tuple[int, ...] = AdmmSettings.library
    hard_mask: str = AdmmSettings.hard_mask
    saw_tooth: bool = AdmmSettings.saw_tooth

    @model_validator(mode="after")
    def _as_the_engine_takes_it(self) -> Admm:
        try:
            self.settings()
        except PlanError as error:
            raise ValueError(str(error)) from None
        return self

    def settings(self) -> AdmmSettings:
        """The same as a value of the engine."""
        return AdmmSettings(**self.model_dump())


class Training(_Section):
    """How each candidate and the dense baseline are trained and judged."""

    images: int = Field(default=4000, ge=0, le=10_000_000)
    epochs: int = Field(default=2, ge=0, le=1000)
    learning_rate: float = Field(default=0.015, gt=0, le=10)
    batch: int = Field(default=64, ge=1, le=4096)
    distillation: bool = True
    repair_images: int = Field(default=512, ge=1, le=100_000)
    algorithm: str = "one_shot"
    criterion: str = "obs"
    repair: bool = True
    stages: int = Field(default=PruneSettings.stages, ge=1, le=100)
    admm: Admm = Admm()
    validation_images: int = Field(default=2000, ge=1, le=10_000_000)
    test_images: int = Field(default=10_000, ge=0, le=10_000_000)
    # none: one, of `epochs` and `images`
    rungs: tuple[Rung, ...] = Field(default=(), max_length=8)
    promote_one_of: int = Field(default=3, ge=1, le=100)  # so many of a rung, one reaches the next

    @field_validator("criterion")
    @classmethod
    def _known_criterion(cls, name: str) -> str:
        from backend.sparsity.criteria import CRITERIA

        if name not in CRITERIA:
            msg = f"there is no criterion {name!r}; take one of {', '.join(CRITERIA)}"
            raise ValueError(msg)
        return name

    @model_validator(mode="after")
    def _algorithm_can_run(self) -> Training:
        from backend.training.algorithms import algorithm_of

        try:
            algorithm = algorithm_of(self.algorithm)
        except PlanError as error:
            raise ValueError(str(error)) from None
        if algorithm.needs_epochs and not (self.epochs and self.images):
            msg = f"{self.algorithm} prunes by training: give it epochs and images, or one_shot"
            raise ValueError(msg)
        reason = why_not_rising(self.rungs)
        if reason is None and self.rungs and not self.repair:
            reason = "rungs begin at repaired nets: leave repair: true"
        untrained = bool(self.rungs) and not isinstance(self.rungs[-1], Trained)
        if reason is None and algorithm.needs_epochs and untrained:
            reason = f"{self.algorithm} prunes by training: let the last rung have epochs"
        if reason is not None:
            msg = f"rungs: {reason}"
            raise ValueError(msg)
        return self

    @property
    def fidelities(self) -> tuple[Rung, ...]:
        """The rungs, cheapest first; without any the one that `epochs` and `images` describe."""
        if self.rungs:
            return self.rungs
        if self.epochs and self.images:
            return (Trained(epochs=self.epochs, images=self.images),)
        return (REPAIRED,)

    def at(self, rung: int) -> Training:
        """The training of one rung, as if it were the only one."""
        chosen = self.fidelities[rung]
        if not self.rungs:
            return self
        spent = (chosen.epochs, chosen.images) if isinstance(chosen, Trained) else (0, 0)
        algorithm = self.algorithm if isinstance(chosen, Trained) else "one_shot"
        changes = {"epochs": spent[0], "images": spent[1], "algorithm": algorithm}
        single = {"rungs": (), "promote_one_of": type(self).model_fields["promote_one_of"].default}
        return self.model_copy(update=changes | single)

    def to_json(self) -> dict[str, Any]:
        """For hashes: rungs stand only where there are some, as before there were any."""
        found = self.model_dump(mode="json")
        if not self.rungs:
            del found["rungs"], found["promote_one_of"]
        return found

    def settings(self, seed: int) -> PruneSettings:
        """What the engine takes of it; without images there are no epochs."""
        return PruneSettings(
            recipe=Recipe(
                epochs=self.epochs if self.images else 0,
                batch=self.batch,
                learning_rate=self.learning_rate,
                seed=seed,
                distillation=Distillation() if self.distillation else None,
            ),
            criterion=self.criterion,
            repair=self.repair,
            repair_images=self.repair_images,
            stages=self.stages,
            admm=self.admm.settings(),
        )


class SearchConfig(_Section):
    """One search, as people write it."""

    model: str = Field(default="resnet20", min_length=1, max_length=4096)
    data: str = Field(default="sample", min_length=1, max_length=4096)
    device: str = Field(default="local", pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sampler: str = "punchcard"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    budget: Budget = Budget(trials=24)
    workers: int = Field(default=2, ge=1, le=1024)  # candidates in training at once
    constraints: Constraints = Constraints()
    space: SpaceConfig = SpaceConfig()
    training: Training = Training()
    executor: ExecutorConfig = ExecutorConfig()
    # "auto": the device's table where one fits; "none"; or the name or file of one.
    latency_table: str = Field(default="auto", min_length=1, max_length=4096)
    warm_start: tuple[str, ...] = ()  # ids of earlier searches: their fronts are tried first
    reuse: bool = True  # take results of earlier searches from the cache

    @model_validator(mode="after")
    def _epochs_can_be_spent(self) -> SearchConfig:
        budget, training = self.budget, self.training
        only_epochs = budget.trials is None and budget.minutes is None
        if only_epochs and not any(isinstance(rung, Trained) for rung in training.fidelities):
            msg = (
                "budget: nothing is trained (training.epochs or training.images is 0), so that "
                "epochs alone would never end the search; give trials or minutes"
            )
            raise ValueError(msg)
        return self

    @field_validator("sampler")
    @classmethod
    def _known_sampler(cls, name: str) -> str:
        from backend.search.samplers import check_sampler

        check_sampler(name)
        return name


def default_config() -> SearchConfig:
    """The sample project's search."""
    return SearchConfig()


def problems(config: Mapping[str, Any]) -> list[str]:
    """Every problem of a configuration, one sentence each; empty when it is valid."""
    try:
        SearchConfig.model_validate(config)
    except ValidationError as error:
        return [_sentence(item) for item in error.errors(include_url=False)]
    return []


def parse_config(config: Mapping[str, Any], source: str = "the configuration") -> SearchConfig:
    """Validate a configuration.

    Raises:
        ConfigError: names `source`, the key and what is wrong with it.
    """
    found = problems(config)
    if found:
        msg = f"{source}: {'; '.join(found)}"
        raise ConfigError(msg)
    return SearchConfig.model_validate(config)


def load_config(path: Path) -> SearchConfig:
    """Read CONFIG.yaml.

    Raises:
        ConfigError: the file is missing, is not YAML, or breaks the schema.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            msg = f"{path}: a search configuration is a few lines, this file is over 1 MiB"
            raise ConfigError(msg)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise ConfigError(msg) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        msg = f"{path} is not YAML: {reason}"
        raise ConfigError(msg) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        msg = f"{path}: a search configuration is a mapping such as 'model: resnet20'"
        raise ConfigError(msg)
    return parse_config(content, str(path))


def _sentence(item: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "configuration"
    if item["type"] == "extra_forbidden":
        return f"{key} is not a key of a search configuration"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}"
