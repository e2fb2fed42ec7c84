"""Only what stands between our own marks is taken of a device's answer."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest

from device_agents.errors import CommandFailedError, ConnectionFailedError
from device_agents.reply import Reply, check_reply, run_script


def local(argv: Sequence[str], _seconds: float) -> Reply:
    result = subprocess.run(argv, capture_output=True, check=False)
    return Reply(result.returncode, result.stdout, result.stderr)


def noisy(argv: Sequence[str], seconds: float) -> Reply:
    reply = local(argv, seconds)
    return Reply(reply.status, b"Welcome!\n@0123 \n" + reply.output + b"bye\n", reply.errors)


@pytest.mark.parametrize("run", [local, noisy])
def test_greetings_are_left_out_and_bytes_arrive_unchanged(run: object) -> None:
    script = 'printf "%s|" "$@"; printf "\\000\\377"'
    reply = run_script(run, script, "a b", "$(id)", seconds=5)  # type: ignore[arg-type]
    assert reply.output == b"a b|$(id)|\x00\xff"
    assert reply.status == 0


def test_status_is_the_script_s_own() -> None:
    assert run_script(noisy, "exit 7", seconds=5).status == 7


@pytest.mark.parametrize("keep", [0, 5, 30])
def test_answer_that_is_cut_off_is_no_answer(keep: int) -> None:
    def cut(argv: Sequence[str], seconds: float) -> Reply:
        return Reply(0, local(argv, seconds).output[:keep], b"")

    with pytest.raises(ConnectionFailedError, match="cut off"):
        run_script(cut, "echo done", seconds=5)


def test_failure_tells_what_was_being_done_and_the_last_line() -> None:
    with pytest.raises(CommandFailedError, match="hashing failed on the device: no such tool"):
        check_reply(Reply(1, b"", b"first\nno such tool\n"), "hashing")


def test_words_of_a_device_cannot_steer_a_terminal() -> None:
    reply = Reply(1, b"", b"red \x1b[31m alert\x07\n\n")
    assert reply.last_error == "red  [31m alert"
