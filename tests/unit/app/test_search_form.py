"""The form and CONFIG.yaml are two views of one configuration."""

import pytest

from app.viewmodels.search_form import (
    PRESETS,
    SAMPLERS,
    from_yaml,
    merged,
    preset_words,
    titles,
    to_yaml,
    with_preset,
)
from backend.search import samplers
from backend.services import searches


def test_every_sampler_can_be_chosen() -> None:
    assert list(SAMPLERS) == list(samplers.SAMPLERS)


def test_default_configuration_survives_the_yaml_view() -> None:
    config = searches.default_config()
    assert from_yaml(to_yaml(config)) == config


@pytest.mark.parametrize("name", PRESETS)
def test_preset_sets_the_budget_and_stays_valid(name: str) -> None:
    default = searches.default_config()
    config = with_preset(default, name)
    assert config["budget"]["trials"] == PRESETS[name].trials or default["budget"]["trials"]
    assert preset_words(config).startswith(f"{config['budget']['trials']} candidates, ")
    assert searches.validate_config(config) == []


def test_standard_preset_is_the_default_configuration() -> None:
    assert with_preset(searches.default_config(), "standard") == searches.default_config()


def test_merging_a_limit_of_none_removes_it_and_leaves_the_base_alone() -> None:
    base = {"constraints": {"latency_ms": 5.0}, "seed": 1}
    assert merged(base, constraints={"latency_ms": None, "accuracy": 0.9}, seed=2) == {
        "constraints": {"accuracy": 0.9},
        "seed": 2,
    }
    assert base == {"constraints": {"latency_ms": 5.0}, "seed": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: [", "not valid YAML in line 1"),
        ("- a\n- b", "keys with values"),
        ("", "keys with values"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_wrong_yaml_is_told_in_one_sentence(text: str, says: str) -> None:
    problem = from_yaml(text)
    assert isinstance(problem, str)
    assert says in problem


def test_title_names_model_data_and_device() -> None:
    assert titles({"model": "resnet20", "data": "sample"}) == "resnet20 · sample · ?"


def test_form_offers_every_criterion() -> None:
    from app.viewmodels.search_form import CRITERIA
    from backend.sparsity import criteria

    assert list(CRITERIA) == list(criteria.CRITERIA)


def test_form_offers_every_algorithm() -> None:
    from app.viewmodels.search_form import ALGORITHMS
    from backend.training import algorithms

    assert list(ALGORITHMS) == list(algorithms.ALGORITHMS)
