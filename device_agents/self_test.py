"""Runs a package's bundled self-test where it lies on a device and reads its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from device_agents import scripts
from device_agents.errors import ConnectionFailedError, SelfTestError
from device_agents.reply import Reply, run_script

# f32 sums in another order differ by about 1e-6; ten times the project's limit between torch and C
# would hide a wrong kernel.
TOLERANCE = 1e-4

_SIGNALS = {4: "its processor lacks an instruction of the program", 9: "it was killed (memory?)"}


@dataclass(frozen=True)
class RunPlan:
    """How a program is run: core (-1: any), threads, and how long samples are taken."""

    core: int = -1
    threads: int = 1
    repeat: int = 30
    spend_ms: int = 2000
    seconds: int = 60


def run_self_test(
    run: Callable[[Sequence[str], float], Reply], folder: str, plan: RunPlan
) -> dict[str, Any]:
    """Run the program of a folder on its own input and compare with its expected output.

    Returns:
        The runner's report: samples_ms, median_ms, max_relative_error, peak_rss_bytes, pinned, …

    Raises:
        SelfTestError: The program does not start, does not end, or computes something else.
    """
    options = [plan.core, plan.threads, TOLERANCE, plan.repeat, plan.spend_ms, plan.seconds]
    reply = run_script(
        run,
        scripts.SELF_TEST,
        folder,
        *(str(option) for option in options),
        seconds=plan.seconds + 15,
    )
    if reply.status != 0:
        msg = f"the self-test failed: {_reason(reply)}"
        raise SelfTestError(msg)
    try:
        report = json.loads(reply.output)
        samples = [float(sample) for sample in report["samples_ms"]]
        error = float(report["max_relative_error"])
    except (ValueError, TypeError, KeyError) as problem:
        msg = "the self-test's report is damaged: try again"
        raise ConnectionFailedError(msg) from problem
    # The device's word is not taken for the limit.
    if not samples or not 0 <= error <= TOLERANCE:
        msg = f"the self-test failed: its output differs by {error:.3g}, {TOLERANCE:.0e} is allowed"
        raise SelfTestError(msg)
    return dict(report)


def _reason(reply: Reply) -> str:
    text = reply.last_error
    if "unexpected e_type" in text:
        return "this Termux does not run programs; install the Termux of F-Droid or GitHub"
    if "Exec format error" in text or "cannot execute" in text.lower():
        return f"the program was built for another architecture ({text})"
    if reply.status in (126, 127):
        return f"the program does not start ({text})"
    if reply.status > 128:
        signal = reply.status - 128
        return _SIGNALS.get(signal, f"the program ended by signal {signal}")
    return text.removeprefix("model: ")
