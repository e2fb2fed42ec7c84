"""The files of a compiled package that a device needs, with their hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_agents.errors import DeviceError
from device_agents.names import check_segment

MANIFEST = "manifest.json"
# Sources are not sent; the manifest, which vouches for the rest, goes last.
RUNTIME_FILES = ("model", "weights.bin", "input.bin", "expected.bin")


@dataclass(frozen=True)
class PackageFiles:
    """A package folder as the deployment protocol sees it.

    Attributes:
        folder: Where it lies on this computer.
        id: First 16 hexadecimal digits of the manifest's SHA-256.
        hashes: SHA-256 by file name, the manifest included.
        size_bytes: Of all those files.
        threads: Threads that the model was generated for.
    """

    folder: Path
    id: str
    hashes: dict[str, str]
    size_bytes: int
    threads: int

    @staticmethod
    def open(folder: Path) -> PackageFiles:
        """Read a package folder.

        Raises:
            DeviceError: It is no package, or a file of it is missing or altered.
        """
        try:
            text = (folder / MANIFEST).read_bytes()
            hashes = manifest_hashes(json.loads(text))
            sizes = [len(text)]
            for name, digest in hashes.items():
                data = (folder / name).read_bytes()
                sizes.append(len(data))
                if hashlib.sha256(data).hexdigest() != digest:
                    msg = f"{name} of package {folder} is truncated or altered: compile it again"
                    raise DeviceError(msg)
            threads = int(json.loads(text).get("threads", 1))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            msg = f"{folder} is no whole package ({error}): make one with 'punchcard compile'"
            raise DeviceError(msg) from error
        digest = hashlib.sha256(text).hexdigest()
        return PackageFiles(
            folder.resolve(), digest[:16], {**hashes, MANIFEST: digest}, sum(sizes), threads
        )


def manifest_hashes(manifest: dict[str, Any]) -> dict[str, str]:
    """Return SHA-256 by name of the files that a device holds.

    Raises:
        KeyError: One is not in the manifest.
    """
    return {check_segment(name): str(manifest["files"][name]) for name in RUNTIME_FILES}
