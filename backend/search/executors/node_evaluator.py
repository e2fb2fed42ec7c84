"""One evaluator on a machine of a cluster; nothing here knows of Ray, nor of a shared disk."""

from __future__ import annotations

import importlib
import os
import shutil
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from backend.jobs.process import host_name
from backend.search.evaluator_main import NICENESS
from backend.search.executor import Handler
from backend.search.executors.cluster_setup import unpack_setup
from backend.storage.archives import pack_folder, unpack_folder
from backend.storage.artifacts import open_artifacts
from backend.storage.settings import load_settings
from codegen.errors import PunchcardError


def machine_identity() -> str:
    """The same for two processes that can send each other signals by process id."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def punchcard_version() -> str:
    """Version of the program that evaluates."""
    return version("punchcard")


OUTPUT = "folder"
"""Argument of a task that names the folder it writes; other folders are only read."""


class NodeEvaluator:
    """Handlers made once of a setup; folders come and go through the artefact store.

    Args:
        entry: "module:function", which makes the handlers of a setup.
        setup: as `pack_setup` made it.
        artifacts_url: of the store that all machines share.
    """

    def __init__(self, entry: str, setup: Mapping[str, Any], artifacts_url: str) -> None:
        settings = load_settings().model_copy(update={"artifacts_url": artifacts_url})
        settings.make_folders()
        self._entry = entry
        self._setup = setup
        self._settings = settings
        self._store = open_artifacts(settings)
        self._handlers: Mapping[str, Handler] | None = None

    def introduce(self) -> dict[str, Any]:
        """Who this is; the process leads a group of its own from now on."""
        if os.getpgid(0) != os.getpid():
            os.setpgid(0, 0)
            os.nice(NICENESS)
        return {
            "machine": machine_identity(),
            "host": host_name(),
            "pid": os.getpid(),
            "version": punchcard_version(),
        }

    def work(
        self, kind: str, payload: Mapping[str, Any], archives: Mapping[str, str]
    ) -> dict[str, Any]:
        """Do a task.

        Args:
            kind: of the task.
            payload: its arguments; folders in it are replaced by some of this machine's.
            archives: argument to the digest of what is in its folder; `folder`, which the task
                writes, need not have any.

        Returns:
            `result`, and `archive` with the digest of the folder's archive, None where the task has
            not changed it; or `error`, one sentence, and `trace` where the error is the program's.
        """
        scratch = self._settings.cache / "evaluations" / uuid4().hex
        try:
            return self._work(kind, dict(payload), archives, scratch)
        except PunchcardError as error:
            return {"error": f"on {host_name()}: {error}"}
        except Exception as error:  # the trial fails with its reason, the search goes on
            reason = f"on {host_name()}: {type(error).__name__}: {error}"
            return {"error": reason, "trace": traceback.format_exc()}
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _work(
        self, kind: str, payload: dict[str, Any], archives: Mapping[str, str], scratch: Path
    ) -> dict[str, Any]:
        if self._handlers is None:
            self._handlers = self._make_handlers()
        for key in {*archives, *({OUTPUT} & payload.keys())}:
            place = scratch / key / Path(payload[key]).name
            place.parent.mkdir(mode=0o700, parents=True)
            if key in archives:
                unpack_folder(self._store.get(archives[key]), place)
            payload[key] = str(place)
        folder = Path(payload[OUTPUT]) if OUTPUT in payload else None
        before = pack_folder(folder) if folder is not None and OUTPUT in archives else b""
        result = self._handlers[kind](payload)
        made = None
        if folder is not None and folder.is_dir() and pack_folder(folder) != before:
            made = self._store.put(pack_folder(folder, owner=scratch.name))
            if self._store.is_remote:
                self._store.drop(made)
        return {"result": dict(result), "archive": made}

    def _make_handlers(self) -> Mapping[str, Handler]:
        setup = unpack_setup(self._setup, self._settings, self._store)
        _check_data(setup)
        module, _, name = self._entry.partition(":")
        handlers: Mapping[str, Handler] = getattr(importlib.import_module(module), name)(setup)
        return handlers


def _check_data(setup: Mapping[str, Any]) -> None:
    """A path may lead to other images on another machine."""
    from backend.data.registry import NAMED, open_data

    name, digest = setup.get("data"), setup.get("data_digest")
    if name is None or digest is None or name in NAMED:
        return
    found = open_data(name).digest
    if found != digest:
        msg = (
            f"{name} holds other images ({found[:12]}) than where the search was started "
            f"({digest[:12]}): copy the data set to the same path on every machine"
        )
        raise PunchcardError(msg)
