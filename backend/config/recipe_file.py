"""A recipe file: NPAS's three phases in a row, from a dense net to a finished one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.config.errors import ConfigError
from backend.config.finalize_file import FinalizeSettings
from backend.config.search_file import MAX_FILE_BYTES, SearchConfig, parse_config


class ReplaceSettings(BaseModel):
    """Phase 1: how the net is trained after its operations were replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    skip: tuple[str, ...] = ()
    epochs: int = Field(default=2, ge=0, le=1000)
    images: int = Field(default=4000, ge=2, le=10_000_000)
    batch: int = Field(default=64, ge=1, le=4096)
    learning_rate: float = Field(default=0.01, gt=0, le=10)


class RecipeFile(BaseModel):
    """All three phases.

    Attributes:
        model: the trained dense net: zoo name with shipped weights, .onnx or .safetensors.
        data: registered data set or path.
        replace: phase 1; None leaves it out.
        search: phase 2, as CONFIG.yaml without model and data.
        finalize: phase 3.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    data: str = Field(min_length=1)
    replace: ReplaceSettings | None = ReplaceSettings()
    search: dict[str, Any]
    finalize: FinalizeSettings = FinalizeSettings()

    def search_config(self, model: str) -> SearchConfig:
        """Phase 2's configuration on a net.

        Raises:
            ConfigError: it has problems.
        """
        return parse_config({**self.search, "model": model, "data": self.data}, "search")


def load_recipe(path: Path) -> RecipeFile:
    """Read a recipe file and check all of it.

    Raises:
        ConfigError: it cannot be read, or a key is wrong.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            msg = f"{path.name} is too large for a recipe"
            raise ConfigError(msg)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        recipe = RecipeFile.model_validate(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        msg = f"the recipe {str(path)!r} cannot be read: {reason}"
        raise ConfigError(msg) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        msg = f"{path.name}, {where}: {first['msg'].removeprefix('Value error, ')}"
        raise ConfigError(msg) from None
    if {"model", "data"} & recipe.search.keys():
        msg = f"{path.name}, search: model and data stand above, for all phases"
        raise ConfigError(msg)
    recipe.search_config(recipe.model)
    return recipe


def shortened(recipe: RecipeFile, steps: int, batch: int = 4) -> RecipeFile:
    """The same recipe with `steps` steps of each training and as many trials: a check that it runs.

    Batches are of `batch` images, so that a handful is enough; nothing that comes out of it means
    anything.
    """
    images = steps * batch
    few = {"validation_images": 2 * batch, "test_images": 2 * batch, "repair_images": 2 * batch}
    replace = recipe.replace
    if replace is not None:
        replace = replace.model_copy(update={"epochs": 1, "images": images, "batch": batch})
    training = {**recipe.search.get("training", {}), "epochs": 1, "images": images, "batch": batch}
    search = {**recipe.search, "budget": {"trials": steps}, "constraints": {}}
    lengths = {"bake_epochs": 1, "bake_images": images, "epochs": 1, "images": images}
    return recipe.model_copy(
        update={
            "replace": replace,
            "search": {**search, "training": {**training, **few}},
            "finalize": recipe.finalize.model_copy(update={**lengths, "batch": batch, **few}),
        }
    )
