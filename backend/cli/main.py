"""`punchcard`: one file per command group; a user's error is one line and exit code 1."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from codegen.errors import PunchcardError
from device_agents.errors import DeviceError

# Each module has `register(app)`; adding a command group is one file and one word here.
COMMAND_GROUPS = (
    "import_model",
    "compile",
    "run",
    "replace",
    "train",
    "prune",
    "patterns",
    "search",
    "export",
    "finalize",
    "recipe",
    "demo",
    "enhance",
    "devices",
    "deploy",
    "bench",
    "studio",
    "worker",
    "doctor",
)


def build_app() -> typer.Typer:
    """The application with all commands; modules import what is heavy inside their commands."""
    app = typer.Typer(
        name="punchcard",
        help="A studio for compiler-aware pruning: patterns, search, generated C, deployment.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def punchcard(
        show_version: Annotated[
            bool,
            typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
        ] = False,
        debug: Annotated[
            bool, typer.Option("--debug", help="Show the traceback of an error.")
        ] = False,
    ) -> None:
        del show_version, debug  # the first ends in its callback; `main` looks for the second

    for name in COMMAND_GROUPS:
        importlib.import_module(f"backend.cli.{name}").register(app)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: words after `punchcard`; None takes them from the process. `--debug` may stand
            anywhere before a `--`.

    Returns:
        The exit code: 0, 1 on an error, 130 when the keyboard ended it.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    is_debug = "--debug" in options
    words = [word for word in options if word != "--debug"] + words[len(options) :]
    try:
        code = build_app()(words, prog_name="punchcard", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped", 130, is_debug)
    except BrokenPipeError:
        # Whoever read the output has gone; give the interpreter nothing to flush at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (PunchcardError, DeviceError) as error:
        return _fail(str(error), 1, is_debug)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `punchcard`, `punchcard devices`
            print(error.format_message())
            return 0
        return _fail(
            f"{error.format_message()} (punchcard --help lists what there is)", 1, is_debug
        )
    except MemoryError:
        msg = (
            "This computer has not enough memory for that: use a smaller model or a larger machine."
        )
        return _fail(msg, 1, is_debug)
    except Exception as error:  # the last resort: a user never meets a traceback unasked
        return _fail(_unexpected(error), 1, is_debug)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception) -> str:
    reason = str(error) or "no further reason"
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return f"The system refused: {error.strerror.lower()}{place}."
    return (
        f"An error of the program itself, {type(error).__name__} ({reason.rstrip('.')}). "
        "Run it again with --debug and report what it prints."
    )


def _fail(sentence: str, code: int, is_debug: bool) -> int:
    if is_debug:
        traceback.print_exc()
    line = " ".join(sentence.split())
    print(f"punchcard: {line}", file=sys.stderr)
    return code


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"punchcard {version('punchcard')}")
        raise typer.Exit


if __name__ == "__main__":
    raise SystemExit(main())
