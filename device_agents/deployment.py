"""The deployment protocol: upload aside, prove on the device, then one atomic switch of a link.

At every moment ``current`` is a whole, tested release: files arrive in a folder of their own, their
hashes are computed by the device, the manifest comes last, the self-test runs before the switch,
and the switch is one rename. A cut at any point leaves the former release answering.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from device_agents import scripts
from device_agents.channel import Channel
from device_agents.digests import compare_digests, read_digests
from device_agents.errors import (
    CommandFailedError,
    DeviceBusyError,
    DeviceError,
    SelfTestError,
)
from device_agents.facts import DeviceFacts
from device_agents.names import is_release_id
from device_agents.package_files import MANIFEST, RUNTIME_FILES, PackageFiles
from device_agents.release import OnStep, Release, StepLog
from device_agents.reply import check_reply, run_script
from device_agents.self_test import RunPlan, run_self_test

BASE = "punchcard"
KEPT_RELEASES = 3
LOCK_SECONDS = 20
# Upload, the release it becomes and one more beside the kept ones.
SPACE_FACTOR = 3


@dataclass(frozen=True)
class Standing:
    """What stands on a device: the current release, whether another one does, the history."""

    current: str | None
    present: bool
    history: tuple[str, ...]

    @property
    def former(self) -> str | None:
        """The release that was current before this one."""
        others = [release for release in self.history if release != self.current]
        return others[-1] if others else None


class Deployment:
    """One deployment or roll back over an open channel."""

    def __init__(self, channel: Channel, on_step: OnStep) -> None:
        """Take an open channel; ``begin`` follows once the device was probed."""
        self._channel = channel
        self._log = StepLog(on_step)
        self._nonce = secrets.token_hex(6)
        self._sent_before = channel.bytes_sent

    def begin(self, facts: DeviceFacts) -> None:
        """Take what the probe, which is the first step, has found."""
        self._facts = facts
        self._base = f"{facts.folder.rstrip('/')}/{BASE}"

    @property
    def log(self) -> StepLog:
        """The steps so far."""
        return self._log

    def deploy(self, package: PackageFiles) -> Release:
        """Make a package the current release.

        Raises:
            DeviceError: A step failed; the former release is still current.
        """
        with self._lock() as is_locked:
            with self._log.step("compare") as notes:
                standing = self.read_state(package.id)
                is_whole = standing.present and self._is_whole(package)
                unchanged = is_whole and standing.current == package.id
                notes.append("the release is already there" if is_whole else "it is new here")
            if is_whole:
                for name in ("upload", "digest", "place"):
                    self._log.skip(name, "the release is already there")
            else:
                self._bring(package, is_locked=is_locked)
            report = self._test(package.id, threads=package.threads, is_new=not is_whole)
            if unchanged:
                for name in ("switch", "read_back", "tidy"):
                    self._log.skip(name, "nothing changes")
            else:
                self._activate(package.id, package.hashes, standing.current)
                with self._log.step("tidy"):
                    self._tidy(package.id)
        former = standing.former if unchanged else standing.current
        return self._release(package.id, report, former, unchanged=unchanged)

    def rollback(self) -> Release:
        """Make the release current that was so before.

        Raises:
            DeviceError: There is none, or it is damaged; nothing has changed then.
        """
        with self._lock():
            with self._log.step("compare") as notes:
                standing = self.read_state("0" * 16)
                former = standing.former
                if former is None:
                    msg = "there is no former release on the device to roll back to"
                    raise DeviceError(msg)
                notes.append(f"from {standing.current} to {former}")
            with self._log.step("digest"):
                hashes, threads = self._read_manifest(former)
                self._compare(self._folder(former), hashes)
            report = self._test(former, threads=threads)
            self._activate(former, hashes, standing.current)
            self._tidy(former)
        return self._release(former, report, standing.current, unchanged=False)

    def read_state(self, release: str) -> Standing:
        """Read what stands on the device."""
        reply = self._script(scripts.STATE, release)
        lines = [line.partition("=") for line in reply.splitlines()]
        current = [value.removeprefix("releases/") for key, _, value in lines if key == "current"]
        return Standing(
            current=current[0] if current and is_release_id(current[0]) else None,
            present=any(key == "present" for key, _, _ in lines),
            history=tuple(v for key, _, v in lines if key == "history" and is_release_id(v)),
        )

    def test_current(self) -> Release:
        """Compare and test the current release without changing anything.

        Raises:
            DeviceError: There is none, or it is damaged or computes something else.
        """
        with self._log.step("compare"):
            standing = self.read_state("0" * 16)
            if standing.current is None:
                msg = "no release stands on the device yet: deploy a candidate first"
                raise DeviceError(msg)
        with self._log.step("digest"):
            hashes, threads = self._read_manifest(standing.current)
            self._compare(f"{self._base}/current", hashes)
        report = self._test(standing.current, threads=threads)
        return self._release(standing.current, report, standing.former, unchanged=True)

    def _bring(self, package: PackageFiles, *, is_locked: bool) -> None:
        incoming = f"{self._base}/incoming.{self._nonce}"
        with self._log.step("upload") as notes:
            if self._facts.folder_free_bytes < SPACE_FACTOR * package.size_bytes:
                msg = (
                    f"{self._facts.folder} on the device has {self._facts.folder_free_bytes} bytes "
                    f"free, {SPACE_FACTOR * package.size_bytes} are needed: make room there"
                )
                raise DeviceError(msg)
            self._script(scripts.OPEN, self._nonce, "yes" if is_locked else "no")
            files = [name for name in package.hashes if name != MANIFEST]
            try:
                for name in files:
                    self._channel.put(package.folder / name, f"{incoming}/{name}")
            except CommandFailedError:
                # A full disk: what was begun must not keep it full. After a lost connection the
                # next deployment clears it.
                with contextlib.suppress(DeviceError):
                    self._script(scripts.REMOVE, f"incoming.{self._nonce}")
                raise
            notes.append(f"{package.size_bytes} bytes")
        with self._log.step("digest"):
            self._compare(incoming, {name: package.hashes[name] for name in files})
            self._channel.put(package.folder / MANIFEST, f"{incoming}/{MANIFEST}")
            self._compare(incoming, {MANIFEST: package.hashes[MANIFEST]})
        with self._log.step("place"):
            self._script(scripts.PLACE, self._nonce, package.id, seconds=120)

    def _test(self, release: str, *, threads: int, is_new: bool = False) -> dict[str, Any]:
        core = self._facts.fastest_core if threads == 1 else None
        plan = RunPlan(core=-1 if core is None else core, threads=threads)
        with self._log.step("self_test"):
            try:
                return run_self_test(self._channel.run, self._folder(release), plan)
            except SelfTestError:
                if is_new:
                    with contextlib.suppress(DeviceError):
                        self._script(scripts.DISCARD, release)
                raise

    def _activate(self, release: str, hashes: dict[str, str], former: str | None) -> None:
        with self._log.step("switch"):
            self._switch(release)
        with self._log.step("read_back"):
            try:
                if self.read_state(release).current != release:
                    msg = "the device's link still names another release: look at its file system"
                    raise CommandFailedError(msg)
                self._compare(f"{self._base}/current", hashes)
            except CommandFailedError:
                if former is not None:
                    with contextlib.suppress(DeviceError):
                        self._switch(former)
                raise

    def _switch(self, release: str) -> None:
        nonce = secrets.token_hex(6)
        answer = self._script(scripts.SWITCH, release, nonce)
        if "needs rename" not in answer:
            return
        link = f"{self._base}/.current.{nonce}"
        if not self._channel.replace_link(link, f"{self._base}/current"):
            msg = "the device can rename no link over another (mv -T, SFTP): update its tools"
            raise DeviceError(msg)

    def _tidy(self, release: str) -> None:
        self._script(scripts.TIDY, release, self._nonce, str(KEPT_RELEASES))

    def _is_whole(self, package: PackageFiles) -> bool:
        try:
            self._compare(self._folder(package.id), package.hashes)
        except CommandFailedError:
            return False
        return True

    def _compare(self, folder: str, hashes: dict[str, str]) -> None:
        compare_digests(self._channel, self._facts, folder, hashes)

    def _read_manifest(self, release: str) -> tuple[dict[str, str], int]:
        text = self._script(scripts.MANIFEST, release)
        try:
            manifest = json.loads(text)
            files = {str(key): str(value) for key, value in manifest["files"].items()}
            threads = int(manifest.get("threads", 1))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            msg = f"the manifest of release {release} on the device is damaged: deploy it again"
            raise DeviceError(msg) from error
        # The release's name is its manifest's hash, so that a changed manifest is seen.
        hashes = {name: files[name] for name in RUNTIME_FILES if name in files}
        found = read_digests(self._channel, self._facts, self._folder(release), [MANIFEST])
        if found[MANIFEST][:16] != release:
            msg = f"the manifest of release {release} on the device is altered: deploy it again"
            raise DeviceError(msg)
        return hashes, threads

    def _script(self, script: str, *arguments: str, seconds: float = 60) -> str:
        reply = run_script(self._channel.run, script, self._base, *arguments, seconds=seconds)
        return check_reply(reply, "a deployment step").text

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        argv = ["sh", "-c", scripts.LOCK, "sh", self._base, str(LOCK_SECONDS)]
        with self._channel.hold(argv, "@lock ", LOCK_SECONDS + 15) as answer:
            if answer == "busy":
                msg = "another deployment to this device is under way: wait for it and try again"
                raise DeviceBusyError(msg)
            if answer.startswith("failed"):
                msg = f"the device account cannot write {answer.removeprefix('failed ')}: free it"
                raise DeviceError(msg)
            yield answer == "locked"

    def _folder(self, release: str) -> str:
        return f"{self._base}/releases/{release}"

    def _release(
        self, release: str, report: dict[str, Any], former: str | None, *, unchanged: bool
    ) -> Release:
        is_emulated = self._facts.emulated
        return Release(
            id=release,
            unchanged=unchanged,
            verified=True,
            max_relative_error=float(report["max_relative_error"]),
            latency_ms=None if is_emulated else float(report["median_ms"]),
            samples_ms=tuple(float(sample) for sample in report["samples_ms"]),
            previous=former,
            emulated=is_emulated,
            bytes_sent=self._channel.bytes_sent - self._sent_before,
            steps=tuple(self._log.steps),
        )
