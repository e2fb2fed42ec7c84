"""The papers' own recipe: two steps of each phase on a handful of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from backend.cli.recipe import register
from backend.config.errors import ConfigError
from backend.config.recipe_file import load_recipe, shortened
from backend.models.replace_operations import replaceable
from backend.models.zoo import build_model
from backend.services.candidates import candidate_folder, get_candidate
from codegen.ir.storage import load_graph, save_graph
from tests.fixtures.class_folder import write_class_folder
from tests.fixtures.finished_search import share_toolchain

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "assets" / "examples" / "npas-imagenet.yaml"


def run(*words: str) -> None:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception


def two_steps(folder: Path, size: int, width: float, pictures: int) -> None:
    """Run the shipped recipe for two steps, and look at what came of each phase."""
    share_toolchain()
    data = write_class_folder(folder, train=pictures, test=4, size=size)
    net = build_model("efficientnet_b0", input_shape=(3, size, size), classes=3, width=width)
    save_graph(net, folder / "b0.safetensors")
    words = (str(EXAMPLE), "--work", str(folder / "work"), "--steps", "2")
    more = ("--data", str(data), "--model", str(folder / "b0.safetensors"))
    report = folder / "report.json"
    run(*words, *more, "--json", str(report))
    told = json.loads(report.read_text())
    replaced = load_graph(folder / "work" / "replaced.safetensors")
    assert len(told["replaced"]["rows"]) == len(replaceable(net)) == 65
    assert not replaceable(replaced)
    final = told["final"]
    states = {row["name"]: row["state"] for row in final["contestants"]}
    assert len(states) == 4
    assert set(states.values()) == {"done"}, final["contestants"]
    view = get_candidate(final["candidate"])
    assert view.rate > 1.0
    assert view.max_relative_error < 1e-4
    graph = load_graph(candidate_folder(final["candidate"]) / "graph.safetensors")
    assert not replaceable(graph)
    # The same command again does nothing twice.
    run(*words, *more, "--json", str(report))
    assert json.loads(report.read_text())["final"] == final


@pytest.mark.slow
def test_two_steps_of_each_phase_on_a_small_net(tmp_path: Path) -> None:
    two_steps(tmp_path, size=32, width=0.1, pictures=10)


@pytest.mark.slow
def test_two_steps_of_each_phase_on_the_true_net(tmp_path: Path) -> None:
    two_steps(tmp_path, size=224, width=1.0, pictures=10)


def test_shipped_recipe_is_valid_and_marks_what_is_ours() -> None:
    recipe = load_recipe(EXAMPLE)
    config = recipe.search_config("resnet20")
    assert set(config.space.schemes) == {"filter", "pattern", "block_punched", "block"}
    assert {2.0, 2.5, 3.0, 5.0, 7.0, 10.0} <= set(config.space.rates)
    assert {"conv1x1", "dw3x3_conv1x1", "skip"} < set(config.space.filter_types)
    assert config.sampler == "npas"
    assert recipe.finalize.contestants[:3] == ("magnitude", "admm", "geometric_median")
    for line in EXAMPLE.read_text().splitlines():
        key, _, note = line.strip().partition("#")
        if key.strip() and not key.rstrip().endswith(":"):
            assert "ours" in note or "paper" in note or "all " in note or not note, line


def test_shortened_recipe_takes_a_handful() -> None:
    short = shortened(load_recipe(EXAMPLE), 2)
    assert short.replace is not None
    assert (short.replace.epochs, short.replace.images, short.replace.batch) == (1, 8, 4)
    config = short.search_config("resnet20")
    assert (config.budget.trials, config.training.images, config.training.epochs) == (2, 8, 1)
    final = short.finalize
    assert (final.bake_epochs, final.bake_images, final.epochs, final.images) == (1, 8, 1, 8)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: a\ndata: b\nserch: {}\n", "search: Field required"),
        ("model: a\ndata: b\nsearch: {model: c}\n", "model and data stand above"),
        ("model: a\ndata: b\nsearch: {sampler: luck}\n", "sampler"),
        ("model: a\ndata: b\nsearch: {}\nfinalize: {epochs: 0}\n", "finalize.epochs"),
        ("model: [\n", "cannot be read"),
    ],
)
def test_wrong_recipes_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as raised:
        load_recipe(path)
    assert "\n" not in str(raised.value)


def test_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"recipe": "other"}')
    with pytest.raises(ConfigError, match="is of another recipe"):
        run(str(EXAMPLE), "--work", str(tmp_path), "--steps", "2")
