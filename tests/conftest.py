"""What every test shares: a private home, one torch thread, fixed seeds."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

# Two threads on a loaded machine are slower than one, and sums must come out the same every time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Ray's clusters of the tests stay on the loopback interface; nothing is reported to anyone.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - evaluators lower their own priority
# No test asserts a time: none needs to take a core from everybody else.
os.environ["PUNCHCARD_REAL_TIME"] = "0"


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `$PUNCHCARD_HOME`, so that no test sees the user's data or another test's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PUNCHCARD_HOME", str(home))
    for name in ("DATABASE", "ARTIFACTS"):
        monkeypatch.delenv(f"PUNCHCARD_{name}", raising=False)
    return home


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """The same random numbers in every run."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test may use the old generator
