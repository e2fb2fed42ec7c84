"""The agent that works over any channel: the protocol is written once, ways differ."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

from device_agents import scripts
from device_agents.agent import RunResult, no_step
from device_agents.channel import Channel
from device_agents.deployment import BASE, Deployment
from device_agents.digests import compare_digests
from device_agents.errors import CommandFailedError, ConnectionFailedError, DeviceError
from device_agents.facts import DeviceFacts, parse_facts
from device_agents.measurement import Measurement, measure_in_turns
from device_agents.package_files import PackageFiles
from device_agents.release import OnStep, Release
from device_agents.reply import check_reply, run_script
from device_agents.self_test import RunPlan

_PROBE_SECONDS = 60.0


class ChannelAgent(ABC):
    """A device agent over a channel that a subclass opens."""

    def __init__(self, *, emulated: bool = False) -> None:
        """Take whether a person said that the device is emulated."""
        self._emulated = emulated
        self._channel: Channel | None = None
        self._facts: DeviceFacts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    @abstractmethod
    def _open(self) -> Channel:
        """Open the way to the device; called when first needed and after it was lost."""

    @abstractmethod
    def _staged(self, channel: Channel, package: PackageFiles) -> str:
        """Return a folder of the device where a package lies to be run without being deployed."""

    def probe(self) -> DeviceFacts:
        """Ask the device what it is."""
        with self._connected() as channel:
            script = files("device_agents").joinpath("probe.sh").read_text(encoding="utf-8")
            reply = run_script(channel.run, script, "1024", seconds=_PROBE_SECONDS)
            facts = parse_facts(check_reply(reply, "the probe").text)
            self._facts = replace(facts, emulated=facts.emulated or self._emulated)
            return self._facts

    def deploy(self, package: Path, on_step: OnStep = no_step) -> Release:
        """Make a package the current release."""
        package_files = PackageFiles.open(package)
        with self._deployment(on_step) as deployment:
            return deployment.deploy(package_files)

    def rollback(self, on_step: OnStep = no_step) -> Release:
        """Make the release current that was so before."""
        with self._deployment(on_step) as deployment:
            return deployment.rollback()

    def test(self, on_step: OnStep = no_step) -> Release:
        """Hash and run the current release."""
        with self._deployment(on_step) as deployment:
            return deployment.test_current()

    def current_release(self) -> str | None:
        """Return the id of the current release, or None."""
        with self._deployment(no_step) as deployment:
            return deployment.read_state("0" * 16).current

    def measure(
        self,
        packages: Sequence[Path],
        *,
        rounds: int = 3,
        repeat: int = 30,
        spend_ms: int = 2000,
        threads: int = 1,
        core: int | None = None,
    ) -> list[Measurement]:
        """Time packages in turns; see the protocol."""
        opened = [PackageFiles.open(package) for package in packages]
        facts = self._known_facts()
        if core is None:
            core = facts.fastest_core if threads == 1 else None
        plan = RunPlan(
            core=-1 if core is None else core, threads=threads, repeat=repeat, spend_ms=spend_ms
        )
        with self._connected() as channel:
            before = self._load(channel)
            folders = [(package.id, self._staged(channel, package)) for package in opened]
            found = measure_in_turns(
                channel.run, folders, plan, rounds=rounds, emulated=facts.emulated
            )
            after = self._load(channel)
            self._unstage(channel)
        return [replace(one, load_before=before, load_after=after) for one in found]

    def run(
        self,
        package: Path,
        values: bytes,
        *,
        repeat: int = 1,
        warmup: int = 0,
        threads: int = 1,
        profile: bool = False,
        seconds: int = 600,
    ) -> RunResult:
        """Run a package on an input; see the protocol."""
        opened = PackageFiles.open(package)
        facts = self._known_facts()
        if not facts.folder:
            raise DeviceError(_no_folder(facts))
        options = ["--repeat", str(repeat), "--warmup", str(warmup), "--threads", str(threads)]
        options += ["--seconds", str(seconds), *(["--profile"] if profile else [])]
        core = facts.fastest_core if threads == 1 else None
        options += ["--core", str(-1 if core is None else core)]
        base, nonce = f"{facts.folder}/{BASE}", secrets.token_hex(6)
        with self._connected() as channel, tempfile.TemporaryDirectory() as own:
            folder = self._staged(channel, opened)
            check_reply(run_script(channel.run, scripts.FOLDER, base, seconds=30), "a run")
            source = Path(own) / "input"
            source.write_bytes(values)
            inward, outward = f"{base}/input.{nonce}", f"{base}/output.{nonce}"
            try:
                channel.put(source, inward)
                reply = run_script(
                    channel.run,
                    scripts.RUN,
                    folder,
                    inward,
                    outward,
                    *options,
                    seconds=seconds + 15,
                )
            finally:
                with contextlib.suppress(DeviceError):
                    name = f"input.{nonce}"
                    run_script(channel.run, scripts.REMOVE, base, name, seconds=30)
            self._unstage(channel)
        if reply.status != 0:
            raise CommandFailedError(reply.last_error.removeprefix("model: "))
        report, _, output = reply.output.partition(b"\n")
        return RunResult(output, json.loads(report))

    @abstractmethod
    def _unstage(self, channel: Channel) -> None:
        """Remove what ``_staged`` put on the device; nothing where it put nothing."""

    def _stage_by_upload(self, channel: Channel, package: PackageFiles) -> str:
        facts = self._known_facts()
        if not facts.folder:
            raise DeviceError(_no_folder(facts))
        folder = f"{facts.folder}/{BASE}/measure/{package.id}"
        check_reply(run_script(channel.run, scripts.FOLDER, folder, seconds=30), "measuring")
        try:
            compare_digests(channel, facts, folder, package.hashes)
        except CommandFailedError:
            for name in package.hashes:
                channel.put(package.folder / name, f"{folder}/{name}")
            compare_digests(channel, facts, folder, package.hashes)
        program = f"{folder}/model"
        check_reply(run_script(channel.run, scripts.EXECUTABLE, program, seconds=30), "measuring")
        return folder

    def _remove_measured(self, channel: Channel) -> None:
        base = f"{self._known_facts().folder}/{BASE}"
        with contextlib.suppress(DeviceError):
            run_script(channel.run, scripts.REMOVE, base, "measure", seconds=60)

    def _known_facts(self) -> DeviceFacts:
        return self._facts or self.probe()

    def _load(self, channel: Channel) -> float | None:
        reply = run_script(channel.run, scripts.LOAD, seconds=30)
        try:
            return float(reply.text)
        except ValueError:
            return None

    @contextlib.contextmanager
    def _deployment(self, on_step: OnStep) -> Iterator[Deployment]:
        """Probe as the first step, so that free space and folder are those of this moment."""
        with self._connected() as channel:
            deployment = Deployment(channel, on_step)
            with deployment.log.step("probe") as notes:
                facts = self.probe()
                if not facts.folder:
                    raise DeviceError(_no_folder(facts))
                notes.append(f"{facts.arch}, {facts.libc}, {facts.folder}")
            deployment.begin(facts)
            yield deployment

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Channel]:
        """Open the channel where needed; a lost one is never used again."""
        if self._channel is None:
            self._channel = self._open()
        try:
            yield self._channel
        except ConnectionFailedError:
            self.close()
            raise


def _no_folder(facts: DeviceFacts) -> str:
    reasons = "; ".join(facts.refused_folders[:4]) or "none was found"
    return f"the device has no folder where our programs may be written and run: {reasons}"
