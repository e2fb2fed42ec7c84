"""The space of a configuration as the form shows it."""

from __future__ import annotations

from backend.services import search_space, searches


def test_the_default_space_is_counted_layer_by_layer() -> None:
    view = search_space.describe_space(searches.default_config())
    assert view is not None and not view.problem
    assert len(view.layers) == 20
    assert {layer.choices for layer in view.layers} == {11, 6}
    assert view.size == 11**18 * 6**2
    assert not any(layer.narrowed for layer in view.layers)


def test_menus_of_layers_are_counted_and_their_mistakes_told() -> None:
    config = searches.default_config()
    menu = search_space.list_menus()["npas"]
    own = {"layer1.0.conv1": {"filter_types": ["skip"], "schemes": ["dense"]}}
    view = search_space.describe_space({**config, "space": {**menu, "layers": own}})
    assert view is not None
    first = {layer.name: layer for layer in view.layers}["layer1.0.conv1"]
    assert (first.choices, first.narrowed, first.filter_types) == (2, True, ("keep", "skip"))
    wrong = {"layer2.0.conv1": {"filter_types": ["skip"], "schemes": ["dense"]}}
    view = search_space.describe_space({**config, "space": {"layers": wrong}})
    assert view is not None and "'layer2.0.conv1' has nothing to choose" in view.problem


def test_models_too_large_to_build_in_a_page_and_wrong_values_are_left_to_others() -> None:
    config = searches.default_config()
    assert search_space.describe_space({**config, "model": "vgg16"}) is None
    assert search_space.describe_space({**config, "model": "none"}) is None
    assert search_space.describe_space({**config, "space": {"rates": [0]}}) is None


def test_filter_types_say_what_they_are() -> None:
    cards = search_space.list_filter_types()
    assert cards[0].name == "keep"
    assert all(card.title and card.says.endswith(".") for card in cards)
