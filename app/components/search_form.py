"""The search form: the same schema as CONFIG.yaml, by widgets or as text."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.components import links
from app.components.budget_form import (
    budget_fields,
    limit_fields,
    warm_start_field,
    workers_field,
)
from app.components.space_form import layer_menus, space_fields
from app.viewmodels.deployments import device_title
from app.viewmodels.numbers import count, percent
from app.viewmodels.rungs import RUNGS, rungs_choice, rungs_of
from app.viewmodels.search_form import (
    ALGORITHMS,
    CRITERIA,
    PRESETS,
    SAMPLERS,
    Config,
    from_yaml,
    merged,
    preset_words,
    to_yaml,
    with_preset,
)
from backend.services import data, devices, latency_tables, models, searches
from backend.services.views import DeviceView


def search_form() -> Config | None:
    """Draw the form.

    Returns:
        The configuration as it now stands, or None while the YAML text cannot be read.
    """
    default = dict(searches.default_config())
    preset = st.segmented_control(
        "Preset",
        list(PRESETS),
        default="standard",
        format_func=lambda name: PRESETS[name].title,
        key="preset",
        help=" · ".join(
            f"{p.title}: {preset_words(with_preset(default, name))}" for name, p in PRESETS.items()
        ),
    )
    base = with_preset(default, preset) if preset else default
    if preset:
        st.caption(preset_words(base))
    by_form, by_yaml = st.tabs(["Form", "CONFIG.yaml"], key="form-tabs", on_change="rerun")
    with by_form:
        config = widgets(base, preset or "own")
    with by_yaml:
        return yaml_view(config)


def yaml_view(config: Config) -> Config | None:
    """Draw the configuration as text; edits win over the form while switched on."""
    by_hand = st.toggle(
        "Edit as text", help="The text below is used as it stands; the form is then ignored."
    )
    if not by_hand:
        st.code(to_yaml(config), language="yaml")
        return config
    text = st.text_area(
        "CONFIG.yaml", to_yaml(config), height=340, help="The schema of `punchcard search`."
    )
    read = from_yaml(text or "")
    if isinstance(read, str):
        st.error(read, icon=":material/error:")
        return None
    return read


def widgets(base: Config, key: str) -> Config:
    """Draw every field; `key` changes with the preset, so that its numbers show."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**What**")
        what = what_fields(base)
        st.markdown("**Limits for the front**")
        limits = limit_fields(base)
    with right:
        st.markdown("**Budget**")
        budget = budget_fields(base, key)
        workers = workers_field(base)
        warm = warm_start_field(base)
        st.markdown("**Space**")
        space = space_fields(base)
        seed = seed_field(base)
    training = base.get("training") or {}
    if training:
        with st.expander("Training of each candidate"):
            training = training_fields(base, key)
    values: dict[str, Any] = {**what, "budget": budget, "workers": workers, "warm_start": warm}
    values |= {"constraints": limits, "space": space}
    if training:
        values["training"] = training
    config = merged(base, **values, seed=seed)
    layers = layer_menus(config)
    return merged(config, space={"layers": layers}) if layers else config


def what_fields(base: Config) -> dict[str, Any]:
    """Draw model, data, device and sampler."""
    cards = {card.name: card for card in models.list_models()}
    sets = {card.name: card for card in data.list_data()}
    found = {device.name: device for device in devices.list_devices()}
    model = _select(
        "Model",
        list(cards),
        links.id_from_address("model") or base["model"],
        lambda n: cards[n].title + (f" ({percent(cards[n].accuracy)})" if cards[n].trained else ""),
        "The network to prune. Trained ones start from their accuracy.",
    )
    chosen = _select(
        "Data",
        list(sets),
        base["data"],
        lambda n: f"{sets[n].title} – {count(sets[n].train)} to train, {sets[n].classes} classes",
        "Images for the fine-tuning. Test images are scored once, at the end.",
    )
    device = _select(
        "Device",
        list(found),
        base["device"],
        lambda n: device_title(found[n]),
        "Latency is measured there, on each candidate's own generated code.",
    )
    sampler = _select(
        "Sampler",
        list(SAMPLERS),
        base["sampler"],
        lambda n: SAMPLERS[n],
        "How the next candidate is chosen. npas is the searcher of the NPAS paper; it aims at the "
        "latency limit below, or at several in turns where there is none.",
    )
    what = {"model": model, "data": chosen, "device": device, "sampler": sampler}
    if "latency_table" in base:
        what["latency_table"] = table_field(base, found.get(device))
    return what


def table_field(base: Config, device: DeviceView | None) -> str:
    """Draw which latency table predicts candidates before they are measured."""
    fits = () if device is None else latency_tables.tables_of(device)
    own = "there is none yet" if not fits else fits[0] if len(fits) == 1 else f"{len(fits)} fit"
    auto = f"The device's own ({own})"
    words = {"auto": auto, "none": "None: guess, and learn from this search's measurements"}
    return _select(
        "Latency table",
        [*words, *(table.name for table in latency_tables.list_tables())],
        str(base["latency_table"]),
        lambda name: words.get(name, name),
        "Predicts latency before a candidate is measured. Build or bring in tables on the Devices "
        "page; without one the first candidates are chosen by guesses.",
    )


def _select(label: str, options: Sequence[str], wanted: str, show: Any, says: str) -> str:
    names = list(options) if wanted in options else [wanted, *options]
    known = set(options)
    return str(
        st.selectbox(
            label,
            names,
            index=names.index(wanted),
            format_func=lambda n: show(n) if n in known else n,
            help=says,
            key=f"form-{label}",
        )
    )


def seed_field(base: Config) -> int:
    """Draw the seed of the search."""
    return int(
        st.number_input(
            "Seed",
            min_value=0,
            max_value=2**31 - 1,
            value=int(base.get("seed") or 0),
            step=1,
            help="The same seed and settings propose the same candidates.",
            key="form-seed",
        )
    )


def training_fields(base: Config, key: str) -> dict[str, Any]:
    """Draw how long each candidate is trained; other keys stay as they are."""
    training = base.get("training") or {}
    images, epochs = st.columns(2)
    with images:
        number = st.number_input(
            "Images",
            min_value=0,
            value=int(training.get("images") or 0),
            step=500,
            help="Training images each candidate sees per epoch.",
            key=f"images-{key}",
        )
    with epochs:
        rounds = st.number_input(
            "Epochs",
            min_value=0,
            max_value=1000,
            value=int(training.get("epochs") or 0),
            step=1,
            help="Passes over these images. 0 only repairs the weights.",
            key=f"epochs-{key}",
        )
    algorithm = _select(
        "Algorithm",
        list(ALGORITHMS),
        str(training.get("algorithm") or "one_shot"),
        lambda n: ALGORITHMS[n],
        "How each candidate is pruned; all spend the same epochs. ADMM needs at least one.",
    )
    criterion = _select(
        "Criterion",
        list(CRITERIA),
        str(training.get("criterion") or "obs"),
        lambda n: CRITERIA[n],
        "Which weights stay. Labels are not used for it.",
    )
    known = rungs_choice(training)
    rungs = _select(
        "Evaluations",
        [name for name in RUNGS if name != "written" or known == "written"],
        known,
        lambda n: RUNGS[n],
        "Rising ones try many candidates cheaply and train the promising ones; whatever ends on "
        "the front is trained in full.",
    )
    return {
        "images": int(number),
        "epochs": int(rounds),
        "algorithm": algorithm,
        "criterion": criterion,
        "rungs": rungs_of(rungs, int(number), int(rounds), training.get("rungs") or ()),
    }
