"""Ctrl-C is heard at whatever moment it comes."""

from __future__ import annotations

import os
import signal

import pytest

from backend.cli.interrupt import Interrupt


def test_first_one_is_a_wish_and_the_second_one_ends_at_once() -> None:
    told: list[str] = []
    with Interrupt(told.append) as interrupt:
        assert not interrupt.should_stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.should_stop()
        assert len(told) == 1
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_one_that_comes_while_a_line_is_written_is_told_afterwards() -> None:
    told: list[str] = []

    def tell(text: str) -> None:
        if not told:
            told.append("")
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")
        told.append(text)

    with Interrupt(tell) as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.should_stop()
    assert len(told) == 2 and "once more" in told[1]
