"""The command line's promise: 0 on success, 1 and one line on a user's error, tracebacks asked."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from backend.cli import main as cli
from backend.cli.main import COMMAND_GROUPS, main
from codegen.errors import PunchcardError
from device_agents.errors import DeviceError

ROOT = Path(__file__).parents[4]

FAILURES = {
    "user": (PunchcardError("The model\nis not there: name another."), "The model is not there"),
    "device": (DeviceError("the device is asleep: wake it"), "the device is asleep: wake it"),
    "system": (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/x"),
        "The system refused: no space left on device (/data/x).",
    ),
    "memory": (MemoryError(), "This computer has not enough memory for that"),
    "bug": (RuntimeError("odd"), "An error of the program itself, RuntimeError (odd)."),
}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application with one command that fails in the way it is told."""

    def build() -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

        @app.command("fail")
        def fail(how: str) -> None:
            if how == "interrupt":
                raise KeyboardInterrupt
            raise FAILURES[how][0]

        @app.command("other")
        def other() -> None:
            raise typer.Exit(3)

        return app

    monkeypatch.setattr(cli, "build_app", build)


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("how", FAILURES)
def test_error_is_one_line_and_exit_code_1(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fail", how]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"punchcard: {FAILURES[how][1]}")


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("words", [["--debug", "fail", "bug"], ["fail", "bug", "--debug"]])
def test_debug_shows_the_traceback(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("failing")
def test_other_ends_have_their_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["other"]) == 3
    assert main(["fail", "interrupt"]) == 130
    assert main(["--help"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [["no-such-command"], ["worker", "--no-such-option"], ["run"]])
def test_wrong_usage_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("punchcard: ")
    assert printed.err.count("\n") == 1


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    for name in COMMAND_GROUPS:
        command = {"import_model": "import"}.get(name, name)
        assert f"\n  {command} " in listed
        assert main([command, "--help"]) == 0
        assert "Usage: punchcard" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("punchcard ")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from backend.cli.main import main; main(['--help']);"
        "print(sorted({'torch', 'onnx', 'optuna', 'streamlit', 'paramiko', 'sqlalchemy'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_studio_says_that_its_port_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert main(["studio", "--port", str(port)]) == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["worker", "doctor", "studio"])
def test_database_of_a_newer_version_ends_every_command(
    command: str, private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3
    from contextlib import closing

    from backend.storage import open_database as opening
    from backend.storage.open_database import open_database

    open_database().close()
    opening._opened.clear()
    with closing(sqlite3.connect(private_home / "punchcard.db")) as connection, connection:
        connection.execute("UPDATE punchcard_version SET version_num = '0999'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [command, "--port", str(port)] if command == "studio" else [command]
    assert main(words) == 1
    assert "was written by a newer Punchcard" in capsys.readouterr().err


def test_doctor_tells_what_is_there(private_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "-"]) == 0
    printed = capsys.readouterr()
    findings = {item["name"]: item for item in json.loads(printed.out)["findings"]}
    assert findings["folder"]["text"] == str(private_home)
    assert findings["worker"]["state"] == "note"
    assert {findings[name]["state"] for name in ("python", "database", "compiler")} == {"ok"}


def test_doctor_finds_a_broken_database(
    private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (private_home / "punchcard.db").write_bytes(b"no database" * 1000)
    assert main(["doctor"]) == 1
    assert "is not a readable Punchcard database" in capsys.readouterr().err
