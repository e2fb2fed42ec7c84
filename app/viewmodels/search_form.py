"""The search form's values and CONFIG.yaml: two views of one configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Config = dict[str, Any]

SAMPLERS = {
    "punchcard": "punchcard – exact fronts from tables, corrected by every trial",
    "npas": "npas – Q-learning with a Bayesian predictor, as published",
    "tpe": "tpe – tree-structured Parzen estimator",
    "nsga2": "nsga2 – evolution",
    "gp": "gp – Gaussian process",
    "random": "random – the honest baseline",
}
SCHEMES = {
    "pattern": "pattern (3×3 kernels)",
    "block_punched": "block-punched",
    "block": "block (fully connected)",
    "filter": "filter (whole output channels)",
    "unstructured": "unstructured",
    "one_by_n": "1×N",
}
ALGORITHMS = {
    "one_shot": "one-shot – masks at once, repaired, then trained",
    "iterative": "iterative – rates rise over stages of the training",
    "admm": "ADMM – drawn into the masks while it trains",
}
CRITERIA = {
    "obs": "Optimal Brain Surgeon – what the rest can make up for",
    "magnitude": "magnitude – the largest weights",
    "taylor": "Taylor – first-order change of the loss",
    "snip": "SNIP – sensitivity to a mask",
    "geometric_median": "geometric median – what others can stand in for goes",
}
BALANCES = {
    "balanced": "balanced – every band of filters keeps its share",
    "unbalanced": "unbalanced – the whole layer competes",
}
AXES = {
    "columns": "columns – fastest",
    "rows": "rows",
    "both": "both – as in the paper",
}
BLOCKS = ((4, 1), (8, 1), (8, 4), (16, 1), (16, 4))
MENU_TITLES = {"sample": "Sample project", "npas": "NPAS", "full": "Full"}
RATES = (1.0, 1.5, 2.0, 2.25, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.1, 10.0, 12.0, 16.0)


@dataclass(frozen=True)
class Preset:
    """A budget with a name; None keeps the default's trials, epochs are times the default's."""

    title: str
    trials: int | None
    epochs_factor: int


PRESETS: dict[str, Preset] = {
    "quick": Preset("Quick look", 8, 1),
    "standard": Preset("Standard", None, 1),
    "thorough": Preset("Thorough", 96, 3),
}


def with_preset(config: Mapping[str, Any], name: str) -> Config:
    """Return the configuration with a preset's budget and training."""
    preset = PRESETS[name]
    result = _copy(config)
    if preset.trials is not None:
        result["budget"] = {"trials": preset.trials}
    training = result.get("training")
    if training and "epochs" in training:
        result["training"] = training | {"epochs": preset.epochs_factor * training["epochs"]}
    return result


def preset_words(config: Mapping[str, Any]) -> str:
    """Return what a preset stands for, e.g. `24 candidates, 1 epoch each`."""
    trials = (config.get("budget") or {}).get("trials")
    epochs = (config.get("training") or {}).get("epochs")
    words = f"{trials} candidates" if trials else "no limit of candidates"
    if epochs is None:
        return words
    return f"{words}, {epochs} epoch{'' if epochs == 1 else 's'} each"


def merged(config: Mapping[str, Any], **values: Any) -> Config:
    """Return the configuration with the form's values; sections are merged key by key.

    A value of None (or 0 for a limit that is switched off) removes the key.
    """
    result = _copy(config)
    for key, value in values.items():
        if isinstance(value, Mapping):
            section = dict(result.get(key) or {})
            section.update(value)
            result[key] = {k: v for k, v in section.items() if v is not None}
        else:
            result[key] = value
    return result


def to_yaml(config: Mapping[str, Any]) -> str:
    """Return the configuration as CONFIG.yaml, keys in the schema's order."""
    return yaml.safe_dump(_plain(config), sort_keys=False, default_flow_style=None, width=88)


def from_yaml(text: str) -> Config | str:
    """Read CONFIG.yaml as typed into the page.

    Returns:
        The configuration, or one sentence that says what is wrong with the text.
    """
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark is not None else ""
        return f"This is not valid YAML{place}; check colons, dashes and indentation."
    if not isinstance(value, dict):
        return "CONFIG.yaml must be a list of keys with values, such as `model: resnet20`."
    return {str(key): item for key, item in value.items()}


def titles(config: Mapping[str, Any]) -> str:
    """Return a one-line name of a search, e.g. `resnet20 · sample · local`."""
    return " · ".join(str(config.get(key, "?")) for key in ("model", "data", "device"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _copy(config: Mapping[str, Any]) -> Config:
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in config.items()}
