"""Remote shells read back exactly the arguments that were sent."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agents.errors import NameRefusedError
from device_agents.quoting import quote_command

SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]
ARGUMENTS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
    min_size=1,
    max_size=30,
)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=60, deadline=None)
@given(arguments=ARGUMENTS)
def test_shell_reads_back_what_was_quoted(shell: str, arguments: list[str]) -> None:
    command = quote_command(["printf", r"%s\0", *arguments])
    output = subprocess.run([shell, "-c", command], capture_output=True, check=True).stdout
    assert output.decode().split("\0")[:-1] == arguments


@pytest.mark.parametrize("text", ["$(touch canary)", "`touch canary`", ";touch canary", "'\\''"])
def test_text_is_never_a_command(text: str, tmp_path: object) -> None:
    command = quote_command(["true", text])
    subprocess.run(["sh", "-c", command], cwd=str(tmp_path), check=True)
    listing = subprocess.run(["ls", "-A", str(tmp_path)], capture_output=True, check=True).stdout
    assert listing == b""


def test_nul_is_refused() -> None:
    with pytest.raises(NameRefusedError):
        quote_command(["a\0b"])
