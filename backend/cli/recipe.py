"""`punchcard recipe`: all three phases of NPAS from one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from backend.config.recipe_file import RecipeFile
    from backend.services.views import SearchView


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("recipe")(recipe)


def recipe(
    file: Annotated[Path, typer.Argument(help="Such as assets/examples/npas-imagenet.yaml.")],
    work: Annotated[Path, typer.Option(help="Folder of phase 1's net and of what has ended.")],
    data: Annotated[str | None, typer.Option(help="Another data set than the file's.")] = None,
    model: Annotated[str | None, typer.Option(help="Another net than the file's.")] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many steps of each training: does all of it run here?"),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as JSON; - is stdout.")
    ] = None,
) -> None:
    """Replace operations, search, finalise; what has ended in the folder is not done again."""
    from backend.cli.progress import say, write_json
    from backend.config.recipe_file import load_recipe, shortened
    from backend.storage.artifacts import write_whole

    chosen = load_recipe(file)
    # a worker may run in another folder
    asked = {"data": data or chosen.data, "model": model or chosen.model}
    places = {key: Path(value).expanduser() for key, value in asked.items()}
    chosen = chosen.model_copy(
        update={
            key: str(place.absolute()) if place.exists() else asked[key]
            for key, place in places.items()
        }
    )
    if steps is not None:
        say(f"a check of {steps} steps: no number that comes out of it means anything")
        chosen = shortened(chosen, steps)
    work.mkdir(parents=True, exist_ok=True)
    state = _read_state(work, chosen)

    def keep(**found: Any) -> None:  # noqa: ANN401 - JSON
        from json import dumps

        state.update(found)
        write_whole(work / "recipe.json", (dumps(state, indent=2) + "\n").encode(), mode=0o644)

    keep()
    if "replaced" not in state:
        say("phase 1: operations")
        keep(replaced=_replace(chosen, work))
    if "candidate" not in state:
        say("phase 2: search")
        keep(**_search(chosen, work, state, keep))
    say("phase 3: pruning algorithm")
    final = _finalize(chosen, state, keep)
    typer.echo(f"finished: candidate {final['candidate']}, winner {final['winner']}")
    if json is not None:
        write_json({**state, "final": final}, json)


def _read_state(work: Path, recipe: RecipeFile) -> dict[str, Any]:
    """What earlier runs of the same recipe have ended in the folder.

    Raises:
        ConfigError: the folder is of another recipe.
    """
    from hashlib import sha256
    from json import loads

    from backend.config.errors import ConfigError

    digest = sha256(recipe.model_dump_json().encode()).hexdigest()
    try:
        state: dict[str, Any] = loads((work / "recipe.json").read_bytes())
    except FileNotFoundError:
        return {"recipe": digest}
    except (OSError, ValueError) as error:
        msg = f"{str(work / 'recipe.json')!r} cannot be read ({error}): name an empty folder"
        raise ConfigError(msg) from None
    if state.get("recipe") != digest:
        msg = f"the folder {str(work)!r} is of another recipe: name an empty one"
        raise ConfigError(msg)
    return state


def _replace(recipe: RecipeFile, work: Path) -> dict[str, Any]:
    import dataclasses

    from backend.cli.progress import say
    from backend.data.registry import open_data
    from backend.models.replace_operations import replaceable
    from backend.models.zoo import MODELS, has_trained_weights, load_model
    from backend.search.replacement_run import ReplacementPlan, run_replacement
    from backend.storage.settings import load_settings
    from codegen.ir.storage import save_graph

    data = open_data(recipe.data)
    graph = load_model(
        recipe.model,
        input_shape=data.input_shape,
        classes=len(data.classes),
        data=recipe.data,
    )
    if recipe.model in MODELS and not has_trained_weights(recipe.model, recipe.data):
        say(f"no trained weights of {recipe.model!r} are shipped: they are random; give --model")
    if graph.preprocessing is None:
        graph = dataclasses.replace(graph, preprocessing=data.preprocessing)
    report: dict[str, Any] = {"rows": []}
    if recipe.replace is not None and replaceable(graph):
        plan = ReplacementPlan(
            recipe.replace.skip,
            recipe.replace.epochs,
            recipe.replace.images,
            batch=recipe.replace.batch,
            learning_rate=recipe.replace.learning_rate,
        )
        shown = {"phase": ""}

        def tell(phase: str, done: int, total: int) -> None:
            if phase != shown["phase"]:
                say(phase)
            shown["phase"] = phase

        graph, report = run_replacement(graph, data, plan, load_settings(), on_progress=tell)
    save_graph(graph, work / "replaced.safetensors")
    return report


def _search(recipe: RecipeFile, work: Path, state: dict[str, Any], keep: Any) -> dict[str, Any]:  # noqa: ANN401
    from backend.cli.search_report import follow
    from backend.services.searches import get_search, resume_search, start_search

    if "search" not in state:
        config = recipe.search_config(str((work / "replaced.safetensors").absolute()))
        keep(search=start_search(config.model_dump(mode="json", exclude_none=True)))
    elif get_search(state["search"]).can_resume:
        resume_search(state["search"])
    return {"candidate": chosen_candidate(follow(state["search"]))}


def chosen_candidate(view: SearchView) -> str:
    """The front's most accurate candidate that is pruned; of a front without one, any pruned trial.

    NPAS (CVPR 2021) takes the scheme of highest reward; on a front that keeps the limits that is
    the most accurate one.

    Raises:
        SearchError: no candidate prunes anything.
    """
    from backend.search.records import SearchError

    done = [t for t in view.trials if t.state == "done" and t.accuracy is not None]
    pruned = [t for t in done if (t.rate or 1.0) > 1.0]
    best = [t for t in pruned if t.on_front] or pruned
    if not best:
        msg = f"search {view.id} has no pruned candidate to finalise: give it more trials"
        raise SearchError(msg)
    return max(best, key=lambda trial: (trial.accuracy or 0.0, -(trial.latency_ms or 0.0))).id


def _finalize(recipe: RecipeFile, state: dict[str, Any], keep: Any) -> dict[str, Any]:  # noqa: ANN401
    from backend.cli.finalize import follow_finalization, report_of
    from backend.services import finalizations

    if "finalization" not in state:
        settings = recipe.finalize.model_dump(mode="json")
        keep(finalization=finalizations.start_finalization(state["candidate"], settings))
    elif finalizations.get_finalization(state["finalization"]).can_resume:
        finalizations.resume_finalization(state["finalization"])
    return report_of(follow_finalization(state["finalization"]))
