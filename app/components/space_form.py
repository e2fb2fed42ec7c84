"""The part of the search form that says what layers choose from."""

from typing import Any

import streamlit as st

from app.components import links
from app.viewmodels.search_form import AXES, BALANCES, BLOCKS, MENU_TITLES, RATES, SCHEMES, Config
from app.viewmodels.space import menu_of, own_menu, space_table, space_words
from backend.services import patterns, search_space

Space = dict[str, Any]


def space_fields(base: Config) -> Space:
    """Draw the menu of all layers and those of single ones; `base` holds the defaults.

    Returns:
        The section `space` of the configuration.
    """
    space = dict(base.get("space") or {})
    menus = search_space.list_menus()
    menu = st.segmented_control(
        "Menu",
        list(menus),
        default=menu_of(space, menus),
        format_func=lambda name: MENU_TITLES.get(name, name),
        key="menu",
        help="A start for the fields below. NPAS's menu is that of the paper; the full one has "
        "more block sizes.",
    )
    if menu:
        space |= menus[menu]
    key = menu or "own"
    fields = {**_menu_fields(space, key), **_pattern_set(space)}
    with st.expander("Groups and balance"):
        fields |= structure_fields(space)
    return fields


def _menu_fields(space: Space, key: str) -> Space:
    """Filter types, schemes, rates and blocks of all layers."""
    fields: Space = {}
    if "filter_types" in space:
        cards = {card.name: card for card in search_space.list_filter_types()}
        fields["filter_types"] = st.multiselect(
            "Filter types",
            list(cards),
            default=[name for name in space["filter_types"] if name in cards],
            format_func=lambda name: cards[name].title,
            help="What may stand in a convolution's place. "
            + " · ".join(f"{card.title}: {card.says}" for card in cards.values()),
            key=f"types-{key}",
        )
    fields["schemes"] = st.multiselect(
        "Schemes",
        list(SCHEMES),
        default=[name for name in space.get("schemes", ()) if name in SCHEMES],
        format_func=lambda n: SCHEMES[n],
        help="Kinds of structure. A layer that a scheme does not fit leaves it out.",
        key=f"schemes-{key}",
    )
    given = [float(rate) for rate in space.get("rates", ())]
    fields["rates"] = sorted(
        st.multiselect(
            "Rates (dense ÷ kept weights)",
            sorted({*RATES, *given}),
            default=given,
            format_func=lambda rate: f"{rate:g}×",
            help="4× keeps a quarter of a layer's weights. Dense (1×) is always allowed.",
            key=f"rates-{key}",
        )
    )
    more = [float(rate) for rate in space.get("pattern_rates", ())]
    if "pattern_rates" in space:
        fields["pattern_rates"] = sorted(
            st.multiselect(
                "More rates of patterns",
                sorted({2.25, *more}),
                default=more,
                format_func=lambda rate: f"{rate:g}×",
                help="2.25× is 4 of 9 weights, without removing kernels.",
                key=f"pattern-rates-{key}",
            )
        )
    if "blocks" in space:
        fields["blocks"] = _blocks(
            "Blocks (filters × channels)",
            [(int(block[0]), int(block[1])) for block in space["blocks"]],
            "What lies in one block keeps the same positions. Several sizes are all tried.",
            f"blocks-{key}",
        )
    return fields


def _pattern_set(space: Space) -> Space:
    if "patterns" not in space:
        return {}
    sets = {view.name: view for view in patterns.list_pattern_sets()}
    wanted = links.id_from_address("patterns") or str(space["patterns"])
    names = list(sets)
    chosen = st.selectbox(
        "Pattern set",
        names,
        index=names.index(wanted) if wanted in names else 0,
        format_func=lambda n: f"{n} – preset" if sets[n].preset else n,
        help="The set that pattern layers choose from; edit sets on the Patterns page.",
    )
    return {"patterns": chosen}


def layer_menus(config: Config) -> Space:
    """Draw the space counted, and menus of single layers; returns the section's `layers`."""
    view = search_space.describe_space({**config, "space": {**config["space"], "layers": {}}})
    if view is None:
        st.caption("This model's space is counted when the search begins: it is too large here.")
        return {}
    if view.problem:
        st.warning(view.problem, icon=":material/error:")
        return {}
    names = [layer.name for layer in view.layers]
    given = (config["space"].get("layers") or {}) if config["space"] else {}
    with st.expander("Menus of single layers"):
        chosen = st.multiselect(
            "Layers with a menu of their own",
            names,
            default=[name for name in given if name in names],
            help="Each gets a row below. What is left empty there is as for all layers.",
            key="own-layers",
        )
        found = {name: own_menu(_own_fields(name, config["space"])) for name in chosen}
    layers = {name: menu for name, menu in found.items() if menu is not None}
    whole = search_space.describe_space({**config, "space": {**config["space"], "layers": layers}})
    if whole is None:
        return layers
    if whole.problem:
        st.error(whole.problem, icon=":material/error:")
        return layers
    st.caption(f":material/category: {space_words(whole)}")
    with st.expander("What each layer may choose from"):
        titles = {card.name: card.title for card in search_space.list_filter_types()}
        st.dataframe(
            space_table(whole, titles), hide_index=True, alt="Layers and what they choose from"
        )
    return layers


def _own_fields(name: str, space: Space) -> Space:
    """One layer's fields in a row."""
    st.markdown(f"`{name}`")
    cards = {card.name: card for card in search_space.list_filter_types()}
    types, schemes, rates, blocks = st.columns(4)
    fields: Space = {}
    with types:
        fields["filter_types"] = st.multiselect(
            "Filter types",
            list(cards),
            format_func=lambda kind: cards[kind].title,
            help="Named here, a type may cost more than the layer it replaces.",
            key=f"own-types-{name}",
        )
    with schemes:
        fields["schemes"] = st.multiselect(
            "Schemes",
            ["dense", *SCHEMES],
            format_func=lambda n: SCHEMES.get(n, n),
            help="Only dense leaves the layer's weights as they are.",
            key=f"own-schemes-{name}",
        )
    with rates:
        fields["rates"] = st.multiselect(
            "Rates",
            sorted({*RATES, *(float(rate) for rate in space.get("rates", ()))}),
            format_func=lambda rate: f"{rate:g}×",
            help="For all schemes of this layer.",
            key=f"own-rates-{name}",
        )
    with blocks:
        fields["blocks"] = _blocks(
            "Blocks", [], "Filters × channels of this layer's blocks.", f"own-blocks-{name}"
        )
    return fields


def _blocks(label: str, given: list[tuple[int, int]], says: str, key: str) -> list[list[int]]:
    chosen = st.multiselect(
        label,
        sorted({*BLOCKS, *given}),
        default=given,
        format_func=lambda block: f"{block[0]} × {block[1]}",
        help=says,
        key=key,
    )
    return [list(block) for block in chosen]


def structure_fields(space: Space) -> Space:
    """Draw what filters and channels share; keys that the configuration has not are left out."""
    fields: Space = {}
    if "group" in space:
        fields["group"] = int(
            st.number_input(
                "Filters that share patterns",
                min_value=1,
                max_value=1024,
                value=int(space["group"]),
                help="Larger groups run faster, 1 lets each filter choose for itself.",
            )
        )
    if "balance" in space:
        fields["balance"] = _select(
            "Balance",
            BALANCES,
            str(space["balance"]),
            "Balanced layers give every thread the same work; unbalanced ones keep the largest "
            "weights wherever they are, as the papers do.",
        )
    if "axes" in space:
        fields["axes"] = _select(
            "Inside blocks of fully connected layers",
            AXES,
            str(space["axes"]),
            "What goes by itself in each block. Only for the scheme block.",
        )
    return fields


def _select(label: str, titles: dict[str, str], default: str, says: str) -> str:
    names = list(titles)
    index = names.index(default) if default in names else 0
    chosen = st.selectbox(label, names, index=index, format_func=lambda n: titles[n], help=says)
    return str(chosen)
