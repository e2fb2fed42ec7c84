"""The way into a Ray cluster, with one sentence for each way it can be closed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backend.config.executor_config import ExecutorConfig
from backend.search.executor import ExecutorError

CONNECT_S = 5.0


def connect(config: ExecutorConfig) -> Any:  # noqa: ANN401 - the module `ray`
    """Join the cluster as a driver and return Ray's module.

    The machine must be part of the cluster (`ray start --address=HEAD:PORT`).

    Raises:
        ExecutorError: Ray is missing, or nothing that lets us in answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    try:
        import ray
    except ImportError:
        msg = "the executor ray needs Ray: run make install-cluster"
        raise ExecutorError(msg) from None
    if config.address:
        _knock(config.address)
    try:
        with _own_signals():
            ray.init(
                address=config.address or "auto",
                namespace="punchcard",
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:300]
        place = config.address or "this computer"
        msg = (
            f"the Ray cluster at {place} cannot be joined ({reason}): is `ray start` running on "
            "this machine, and are RAY_AUTH_MODE and RAY_AUTH_TOKEN the cluster's?"
        )
        raise ExecutorError(msg) from error
    return ray


def check_room(ray: Any, config: ExecutorConfig) -> None:  # noqa: ANN401 - the module `ray`
    """Refuse a cluster none of whose machines could ever hold one evaluation.

    Raises:
        ExecutorError: says what is asked for and what there is.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {"CPU": config.cpus, "GPU": config.gpus}
    if any(all(node.get(name, 0) >= much for name, much in wanted.items()) for node in nodes):
        return
    have = "; ".join(f"{node.get('CPU', 0):g} CPU, {node.get('GPU', 0):g} GPU" for node in nodes)
    msg = (
        f"no machine of the Ray cluster has room for an evaluation with {config.cpus:g} CPU and "
        f"{config.gpus:g} GPU; there are: {have or 'none'}"
    )
    raise ExecutorError(msg)


def _knock(address: str) -> None:
    """Ray itself would try for two minutes and then end the process."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        msg = f"executor.address is HOST:PORT of a Ray cluster's head, not {address!r}"
        raise ExecutorError(msg)
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        msg = (
            f"there is no Ray cluster at {address} ({reason.lower()}): start it with "
            "`ray start --head`, or give the address that it printed"
        )
        raise ExecutorError(msg) from None


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray would take SIGTERM over, by which a worker asks a search to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
