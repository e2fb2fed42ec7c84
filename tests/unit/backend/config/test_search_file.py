"""CONFIG.yaml: defaults, and one sentence for each thing that can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.config.errors import ConfigError
from backend.config.rungs import label_of
from backend.config.search_file import (
    SearchConfig,
    default_config,
    load_config,
    parse_config,
    problems,
)

DESIGN_EXAMPLE = """
model: resnet20            # zoo name or path of an ONNX file
data: sample               # registered data set
device: local
sampler: punchcard         # or npas, tpe, nsga2, gp, random
seed: 0
budget: {trials: 24}       # and/or minutes, epochs
constraints: {latency_ms: 5.0, accuracy: 0.9, size_bytes: 1000000}
space: {schemes: [pattern, block_punched], rates: [2.25, 4, 8.1], filter_types: [conv3x3]}
"""


def test_the_example_of_the_design_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "CONFIG.yaml"
    path.write_text(DESIGN_EXAMPLE)
    config = load_config(path)
    assert config.budget.trials == 24
    assert config.constraints.latency_ms == 5.0
    assert config.space.rates == (2.25, 4.0, 8.1)
    assert config.space.schemes == default_config().space.schemes


def test_default_config_survives_its_own_json() -> None:
    config = default_config()
    assert SearchConfig.model_validate(config.model_dump(mode="json", exclude_none=True)) == config


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"modell": "resnet20"}, "modell is not a key"),
        ({"budget": {"hours": 1}}, "budget.hours is not a key"),
        ({"budget": {}}, "give trials, minutes or epochs"),
        ({"budget": {"trials": 0}}, "budget.trials"),
        ({"budget": {"minutes": float("nan")}}, "budget.minutes"),
        ({"sampler": "magic"}, "there is no sampler 'magic'"),
        ({"space": {"schemes": ["magic"]}}, "there is no scheme 'magic'"),
        ({"space": {"schemes": []}}, "at least one scheme"),
        ({"space": {"rates": [0.5]}}, "space.rates"),
        ({"space": {"filter_types": ["dw3x3"]}}, "there is no filter type 'dw3x3'"),
        ({"space": {"block": [0, 1]}}, "filters x channels"),
        ({"space": {"group": 0}}, "space.group"),
        ({"device": "../pi"}, "device"),
        ({"constraints": {"accuracy": 92}}, "constraints.accuracy"),
        ({"training": {"epochs": -1}}, "training.epochs"),
        ({"seed": "x"}, "seed"),
        ({"workers": 0}, "workers"),
        ({"constraints": {"memory_bytes": 0}}, "constraints.memory_bytes"),
        (
            {"budget": {"epochs": 4}, "training": {"epochs": 0}},
            "epochs alone would never end the search",
        ),
    ],
)
def test_each_wrong_value_is_one_sentence_that_names_its_key(
    config: dict[str, object], words: str
) -> None:
    (problem,) = problems(config)
    assert words in problem
    assert "\n" not in problem
    with pytest.raises(ConfigError, match="CONFIG.yaml: "):
        parse_config(config, "CONFIG.yaml")


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"sampler": "magic", "seed": -1, "color": "red"})) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("budget: {trials: [", "is not YAML"),
        ("- resnet20", "is a mapping"),
        ("x" * (1 << 20) + "yy", "over 1 MiB"),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "CONFIG.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_config(path)


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "absent.yaml")


def test_an_unknown_criterion_is_one_sentence() -> None:
    assert parse_config({"training": {"criterion": "snip"}}).training.criterion == "snip"
    (found,) = problems({"training": {"criterion": "largest"}})
    assert "no criterion 'largest'" in found and "geometric_median" in found


def test_algorithms_are_part_of_the_training() -> None:
    found = parse_config({"training": {"algorithm": "admm", "admm": {"library": [32, 12, 8]}}})
    settings = found.training.settings(seed=3)
    assert settings.admm.library == (32, 12, 8)
    assert settings.recipe.seed == 3
    assert settings.recipe.epochs == found.training.epochs


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ({"algorithm": "adm"}, "one_shot, iterative, admm"),
        ({"algorithm": "admm", "epochs": 0}, "epochs and images"),
        ({"algorithm": "admm", "images": 0}, "epochs and images"),
        ({"admm": {"rhos": [0.1, -1]}}, "above 0"),
        ({"admm": {"selection": "best"}}, "simplex or l2"),
        ({"admm": {"rho": 1}}, "not a key"),
        ({"stages": 0}, "training.stages"),
    ],
)
def test_wrong_algorithms_are_told_with_their_key(training: dict, says: str) -> None:
    (problem,) = problems({"training": training})
    assert says in problem
    assert problem.startswith("training")


def test_rungs_are_read_ordered_and_each_a_training_of_its_own() -> None:
    rungs = ["stitched", "repaired", {"epochs": 1, "images": 2000}]
    training = parse_config({"training": {"rungs": rungs}}).training
    assert [label_of(rung) for rung in training.fidelities] == [
        "stitched",
        "repaired",
        "1 epoch x 2,000 images",
    ]
    assert [(training.at(n).epochs, training.at(n).images) for n in range(3)] == [
        (0, 0),
        (0, 0),
        (1, 2000),
    ]
    alone = parse_config({"training": {"epochs": 1, "images": 2000}}).training
    assert training.at(2).to_json() == alone.to_json()  # one cache for both
    assert len(alone.fidelities) == 1
    assert "rungs" not in alone.to_json()


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"rungs": ["repaired", "stitched"]}, "each rung has to cost more than the one before"),
        ({"rungs": ["fast"]}, "a rung is stitched, repaired or {epochs: 2, images: 4000}"),
        ({"rungs": [{"epochs": 1}]}, "a rung is stitched, repaired or"),
        ({"rungs": [{"epochs": 0, "images": 9}]}, "greater than or equal to 1"),
        ({"rungs": ["stitched"], "repair": False}, "leave repair: true"),
        ({"rungs": ["stitched"], "algorithm": "admm"}, "let the last rung have epochs"),
    ],
)
def test_wrong_rungs_are_refused_with_one_sentence(training: dict[str, Any], words: str) -> None:
    found = problems({"training": training})
    assert len(found) == 1
    assert words in found[0]
    assert found[0].startswith("training")
