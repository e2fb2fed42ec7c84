"""Settings of a finalisation: YAML for the command, the same schema for the page's form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from backend.config.errors import ConfigError
from backend.config.search_file import MAX_FILE_BYTES
from backend.finalization.contestants import CONTESTANTS


class FinalizeSettings(BaseModel):
    """What the bake-off compares, and how long everything is trained.

    Every contestant gets the same `bake_images`, `bake_epochs` and `seed`. NPAS (CVPR 2021, phase
    3) says "a few epochs" for step 1 and distils in step 2; all numbers here are our choice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    contestants: tuple[str, ...] = tuple(CONTESTANTS)
    bake_epochs: int = Field(default=2, ge=1, le=1000)
    bake_images: int = Field(default=4000, ge=2, le=10_000_000)
    epochs: int = Field(default=10, ge=1, le=10_000)
    images: int = Field(default=0, ge=0, le=10_000_000)  # 0: all that are not kept back
    learning_rate: float = Field(default=0.02, gt=0, le=10)
    batch: int = Field(default=64, ge=1, le=4096)
    shift: int = Field(default=0, ge=0, le=64)
    hard_weight: float = Field(default=0.1, ge=0, le=1)
    temperature: float = Field(default=4.0, gt=0, le=100)
    repair_images: int = Field(default=512, ge=1, le=100_000)
    validation_images: int = Field(default=2000, ge=2, le=10_000_000)
    test_images: int = Field(default=10_000, ge=0, le=10_000_000)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @field_validator("contestants")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            msg = "name at least one contestant"
            raise ValueError(msg)
        for name in names:
            if name not in CONTESTANTS:
                msg = f"there is no contestant {name!r}; choose among {', '.join(CONTESTANTS)}"
                raise ValueError(msg)
        return tuple(dict.fromkeys(names))


def parse_finalize(values: Mapping[str, Any]) -> FinalizeSettings:
    """Check settings.

    Raises:
        ConfigError: names the first key that is wrong.
    """
    try:
        return FinalizeSettings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the settings"
        msg = f"finalisation, {where}: {first['msg'].removeprefix('Value error, ')}"
        raise ConfigError(msg) from None


def load_finalize(path: Path) -> FinalizeSettings:
    """Read a file of settings.

    Raises:
        ConfigError: it cannot be read or is not valid.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            msg = f"{path.name} is too large for a file of settings"
            raise ConfigError(msg)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        msg = f"the settings {str(path)!r} cannot be read: {reason}"
        raise ConfigError(msg) from None
    if not isinstance(values, dict):
        msg = f"{path.name} holds no settings: write keys such as 'epochs: 10'"
        raise ConfigError(msg)
    return parse_finalize(values)
