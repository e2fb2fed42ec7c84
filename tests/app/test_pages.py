"""Every page in every designed state: it says what is so, what next, and never breaks."""

import pytest
from fake_records import SCENARIOS, SEARCH_ID
from fake_studio import FakeStudio
from page_driver import Open, words

PAGES = (
    "home",
    "model",
    "patterns",
    "search",
    "front",
    "candidate",
    "enhance",
    "devices",
    "deploy",
)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("page", PAGES)
def test_page_renders_each_state_without_an_exception(
    open_page: Open, page: str, scenario: str
) -> None:
    app = open_page(page, scenario)
    assert not app.exception
    assert app.header
    assert app.header[0].value


EMPTY = {
    "home": ("Nothing has been searched yet", "Set up the first search"),
    "model": ("No model yet", "Look at the search form"),
    "patterns": ("No pattern set yet", "Look at the models"),
    "search": ("No search yet.", "Start the search"),
    "front": ("No front yet", "Set up a search"),
    "candidate": ("No candidate picked", "Open the front"),
    "enhance": ("No study yet", "Start the study"),
    "deploy": ("Nothing deployed yet", "Open the front"),
}


@pytest.mark.parametrize("page", EMPTY)
def test_empty_page_says_so_and_offers_the_next_step_as_a_button(
    open_page: Open, page: str
) -> None:
    sentence, label = EMPTY[page]
    app = open_page(page, "empty")
    assert sentence in words(app)
    assert label in [button.label for button in app.button]


def test_devices_page_is_never_empty_because_this_computer_is_a_device(open_page: Open) -> None:
    assert "This computer" in words(open_page("devices", "empty"))


def test_badge_on_every_page_says_that_the_worker_is_not_running_and_how_to_start_it(
    open_page: Open, studio: FakeStudio
) -> None:
    studio.worker_alive = False
    for page in PAGES:
        text = words(open_page(page))
        assert "worker not running" in text, page
        assert "punchcard worker" in text, page


def test_badge_of_a_living_worker_counts_jobs(open_page: Open) -> None:
    assert "1 running · 0 waiting · worker ok" in words(open_page("home", "working"))


def test_newer_database_stops_every_page_with_one_sentence(open_page: Open) -> None:
    text = words(open_page("home", "database"))
    assert "made by a newer Punchcard" in text
    assert "reload the page" in text


def test_user_error_is_shown_in_its_own_sentence_with_a_remedy(open_page: Open) -> None:
    app = open_page("candidate", candidate="unknown-1")
    text = words(app)
    assert "There is no finished candidate unknown-1" in text
    assert "Pick another one on the front." in text


def test_surprise_shows_a_number_and_neither_path_nor_message(
    open_page: Open, studio: FakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("/home/someone/secret.db is torn")

    monkeypatch.setattr("backend.services.searches.list_searches", broken)
    app = open_page("front")
    text = words(app)
    assert "secret" not in text
    assert "error number" in text
    assert not app.exception


def test_failed_search_shows_reason_and_resume(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("search", "failed")
    assert "The disk is full" in words(app)
    next(b for b in app.button if b.label == "Resume").click().run()
    assert ("resume_search", (SEARCH_ID,)) in studio.calls


def test_running_search_shows_progress_and_cancels_on_a_click(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", "working")
    text = words(app)
    assert "5 min 12 s" in text
    assert "6 – 10 min" in text
    next(b for b in app.button if b.label == "Cancel").click().run()
    assert ("cancel_search", (SEARCH_ID,)) in studio.calls


def test_search_without_a_first_result_draws_no_plot_but_says_what_comes(open_page: Open) -> None:
    """An empty figure made plotly raise while the first candidate was in training."""
    app = open_page("search", "first")
    assert not app.exception
    assert "No candidate has finished yet." in words(app)
    assert not app.get("plotly_chart")
    assert "running" in app.dataframe[0].value["state"].tolist()


def test_unknown_search_in_the_address_is_said_and_another_is_shown(open_page: Open) -> None:
    app = open_page("search", search="gone")
    assert "No search has the id gone" in words(app)
    assert app.query_params["search"] == SEARCH_ID


def test_form_starts_the_default_search_once_for_a_double_click(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", new="1")
    app.session_state["search-request"] = "one-intent"
    next(b for b in app.button if b.label == "Start the search").click().run()
    started = [args for name, args in studio.calls if name == "start_search"]
    assert [request for _, request in started] == ["one-intent"]
    assert started[0][0]["budget"] == {"trials": 24}
    assert started[0][0]["model"] == "resnet20"
    assert app.query_params["search"] == SEARCH_ID


def test_form_writes_a_valid_configuration_with_limits(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("search", new="1")
    limits = {w.label: w for w in app.number_input}
    limits["Latency at most (ms, 0 = no limit)"].set_value(4.5)
    limits["Accuracy at least (%, 0 = no limit)"].set_value(90.0)
    app.run()
    next(b for b in app.button if b.label == "Start the search").click().run()
    config = studio.calls[-1][1][0]
    assert config["constraints"] == {"latency_ms": 4.5, "accuracy": 0.9}


def test_latency_table_of_the_form_is_searched_with(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("search", new="1")
    table = next(w for w in app.selectbox if w.label == "Latency table")
    assert table.options[0] == "The device's own (local-1a2b3c4d)"
    table.set_value("local-1a2b3c4d").run()
    next(b for b in app.button if b.label == "Start the search").click().run()
    assert studio.calls[-1][1][0]["latency_table"] == "local-1a2b3c4d"


def test_pattern_set_of_the_address_is_searched_with(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("search", new="1", patterns="mine")
    next(b for b in app.button if b.label == "Start the search").click().run()
    assert studio.calls[-1][1][0]["space"]["patterns"] == "mine"


def test_blocks_groups_and_balance_of_the_form_are_searched_with(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", new="1")
    numbers = {w.label: w for w in app.number_input}
    numbers["Filters that share patterns"].set_value(8)
    next(w for w in app.multiselect if w.label.startswith("Blocks")).set_value([(4, 1), (8, 4)])
    next(w for w in app.selectbox if w.label == "Balance").set_value("unbalanced")
    app.run()
    next(b for b in app.button if b.label == "Start the search").click().run()
    space = studio.calls[-1][1][0]["space"]
    assert space["group"] == 8
    assert space["blocks"] == [[4, 1], [8, 4]]
    assert space["balance"] == "unbalanced"
    assert space["axes"] == "columns"


def test_menu_filter_types_and_a_layers_own_menu_are_searched_with(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("search", new="1")
    assert app.segmented_control(key="menu").value == "sample"
    assert "3 layers with 7 choices: 343 candidates." in words(app)
    app.segmented_control(key="menu").set_value("full").run()
    lists = {w.key: w for w in app.multiselect}
    assert lists["types-full"].value == ["keep", "conv1x1", "skip"]
    assert lists["pattern-rates-full"].value == [2.25]
    lists["types-full"].set_value(["keep", "skip"])
    lists["own-layers"].set_value(["layer1.0.conv2", "fc0"]).run()
    assert not app.exception
    lists = {w.key: w for w in app.multiselect}
    lists["own-types-layer1.0.conv2"].set_value(["conv1x1"])
    lists["own-rates-layer1.0.conv2"].set_value([3.0])
    lists["own-blocks-layer1.0.conv2"].set_value([(8, 4)])
    lists["own-schemes-fc0"].set_value(["pattern"]).run()
    assert "'fc0' has nothing to choose" in words(app)
    next(w for w in app.multiselect if w.key == "own-schemes-fc0").set_value(["dense"]).run()
    table = next(f.value for f in app.dataframe if "own menu" in f.value)
    assert table["own menu"].tolist() == [False, True, True]
    next(b for b in app.button if b.label == "Start the search").click().run()
    space = studio.calls[-1][1][0]["space"]
    assert space["filter_types"] == ["keep", "skip"]
    assert space["rates"] == [2.0, 5.0]
    assert space["pattern_rates"] == [2.25]
    assert space["layers"] == {
        "layer1.0.conv2": {"filter_types": ["conv1x1"], "rates": [3.0], "blocks": [[8, 4]]},
        "fc0": {"schemes": ["dense"]},
    }


def test_unsupported_model_lists_each_node_with_a_hint(open_page: Open) -> None:
    app = open_page("model", "failed")
    assert "1 of 73 nodes cannot be compiled." in words(app)
    assert "Loop_17" in app.dataframe[0].value.to_string()


def test_failed_import_shows_the_jobs_sentence(open_page: Open) -> None:
    text = words(open_page("model", "failed", **{"import": "job-import"}))
    assert "Loop_17 (Loop) cannot be compiled." in text


def test_preset_is_duplicated_before_it_can_be_edited(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("patterns", set="natural-8")
    assert "Save" not in [b.label for b in app.button]
    next(b for b in app.button if b.label == "Duplicate to edit").click().run()
    name, rows = studio.calls[-1][1]
    assert name == "natural-8-copy"
    assert len(rows) == 8


def test_census_says_what_a_library_covers(open_page: Open) -> None:
    app = open_page("patterns", view="census", model="resnet20")
    assert "among the first 8" in words(app)
    assert len(app.get("plotly_chart")) == 2
    assert app.dataframe[0].value["pattern"][0] == "010/111/000"


def test_a_net_without_3x3_kernels_is_said_in_the_census(open_page: Open) -> None:
    text = words(open_page("patterns", "failed", view="census", model="resnet20"))
    assert "has no 3x3 convolutions" in text
    assert "Pick a net with" in text


def test_extracted_set_is_kept_and_opened(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("patterns", view="extract", model="resnet20")
    assert studio.calls[-1][1][:3] == ("resnet20", 8, "natural")
    assert "Input vectors loaded" in words(app)
    next(b for b in app.button if b.label == "Keep this set").click().run()
    assert "resnet20-natural-8" in studio.sets
    assert app.query_params["set"] == "resnet20-natural-8"
    assert "view" not in app.query_params


@pytest.mark.parametrize(
    ("target", "charts", "says"),
    [("x86_64-avx512", 1, "loads"), ("x86_64-avx2", 0, "nothing to trade")],
)
def test_costed_extraction_shows_the_curve_where_there_is_one(
    open_page: Open, target: str, charts: int, says: str
) -> None:
    app = open_page("patterns", view="extract", model="resnet20")
    next(w for w in app.segmented_control if w.label == "Method").set_value("cost").run()
    next(w for w in app.selectbox if w.label == "Target").set_value(target).run()
    next(w for w in app.toggle if "curve" in w.label).set_value(True).run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == charts
    assert says in words(app)


def test_library_is_started_once_for_a_double_click(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("patterns", view="library", model="resnet20")
    app.session_state["library-request"] = "one-intent"
    next(b for b in app.button if b.label == "Start").click().run()
    model, _, options = next(args for name, args in studio.calls if name == "start_library")
    assert (model, options["request_id"]) == ("resnet20", "one-intent")
    assert app.query_params["job"] == "job-library"


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        ("full", "4 patterns are left"),
        ("working", "reading nodes"),
        ("failed", "The extraction failed."),
    ],
)
def test_library_job_has_its_states(open_page: Open, scenario: str, says: str) -> None:
    app = open_page("patterns", scenario, view="library", job="job-library")
    text = words(app) + " ".join(str(p.text) for p in app.get("progress"))
    assert not app.exception
    assert says in text


def test_derivation_says_that_its_match_is_approximate(open_page: Open) -> None:
    app = open_page("patterns", view="scp")
    text = words(app)
    assert "9.99" in text
    assert "7.23" in text
    assert "do not derive it" in text
    next(s for s in app.slider if s.label == "n").set_value(7).run()
    assert "7.49" in words(app)


def test_own_set_is_deleted_only_after_a_question(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("patterns", set="mine")
    next(b for b in app.button if b.label == "Delete").click().run()
    assert ("delete_pattern_set", ("mine",)) not in studio.calls
    next(b for b in app.button if b.label == "Delete it").click().run()
    assert ("delete_pattern_set", ("mine",)) in studio.calls


def test_candidate_shows_its_numbers_against_the_dense_net(open_page: Open) -> None:
    app = open_page("candidate", candidate=f"{SEARCH_ID}-5")
    shown = {metric.label: metric for metric in app.metric}
    assert shown["Accuracy"].value == "90.81 %"
    assert shown["Accuracy"].delta == "-0.64 pt"
    assert shown["Latency"].delta == "dense 6.400 ms"
    assert shown["Speed-up"].value == "2.77×"
    assert "punchcard_f32_conv3x3_pattern" in words(app)


def test_candidate_shows_its_layers_beneath_the_roof(open_page: Open) -> None:
    app = open_page("candidate", candidate=f"{SEARCH_ID}-5")
    assert "Remaining work against 100 GFLOP/s" in words(app)


def test_candidate_shows_how_it_was_pruned_and_how_admm_converged(open_page: Open) -> None:
    app = open_page("candidate", candidate=f"{SEARCH_ID}-5")
    text = words(app)
    assert "Pruned by" in text
    assert "Convergence of ADMM" in text
    assert "After 4 updates the weights are off their constraints by pattern 6.2 %" in text


def test_one_click_deploys_the_candidate_to_this_computer(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("deploy", candidate=f"{SEARCH_ID}-5")
    next(n for n in app.number_input if n.label == "Tune for (s)").set_value(30).run()
    next(b for b in app.button if b.label == "Deploy now").click().run()
    name, (candidate, device, request, tune_seconds) = studio.calls[-1]
    assert tune_seconds == 30
    assert name == "start_deployment"
    assert (candidate, device) == (f"{SEARCH_ID}-5", "local")
    assert request
    text = words(app)
    assert "verified" in text
    assert "self-test on the device" in text


def test_failed_deployment_says_that_the_previous_release_answers(open_page: Open) -> None:
    text = words(open_page("deploy", "failed", job="job-deploy"))
    assert "The self-test differs by 3e-2" in text
    assert "The previous release still answers." in text


def test_roll_back_is_a_job(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("deploy")
    next(b for b in app.button if b.label == "Roll back").click().run()
    assert ("rollback_device", ("local",)) in studio.calls


def test_wizard_asks_the_host_and_needs_a_yes_to_its_fingerprint(
    open_page: Open, studio: FakeStudio
) -> None:
    app = open_page("devices")
    next(t for t in app.text_input if t.label == "Host").set_value("pi.local")
    next(b for b in app.button if b.label.startswith("1 ·")).click().run()
    assert ("scan_host", ("pi.local", 22)) in studio.calls
    assert "SHA256:abc" in words(app)
    register = next(b for b in app.button if b.label == "Register and probe")
    assert register.disabled
    app.checkbox[0].check().run()
    for label, value in (("Name", "pi"), ("User", "pi"), ("Private key file", "~/.ssh/id")):
        next(t for t in app.text_input if t.label == label).set_value(value)
    next(b for b in app.button if b.label == "Register and probe").click().run()
    added = next(args for name, args in studio.calls if name == "add_device")
    assert added == ("pi", "pi.local", 22, "pi", "~/.ssh/id", "SHA256:abc")


def test_device_is_removed_only_after_a_question(open_page: Open, studio: FakeStudio) -> None:
    app = open_page("devices")
    next(b for b in app.button if b.label == "Remove").click().run()
    assert ("remove_device", ("pi-desk",)) not in studio.calls
    next(b for b in app.button if b.label == "Remove it").click().run()
    assert ("remove_device", ("pi-desk",)) in studio.calls


def test_every_input_has_a_help_text(open_page: Open) -> None:
    kinds = ("selectbox", "number_input", "text_input", "multiselect", "slider", "toggle")
    for page, address in (
        ("search", {"new": "1"}),
        ("patterns", {}),
        ("devices", {}),
        ("enhance", {"new": "1"}),
    ):
        app = open_page(page, **address)
        for kind in kinds:
            for widget in app.get(kind):
                assert widget.help, (page, kind, widget.label)
