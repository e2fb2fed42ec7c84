"""Writes the embedded sample from Debian's Fashion-MNIST; the same bytes every time.

`python -m backend.data.build_sample [--source DIR] [--out FILE] [--full FILE]`; `--full` writes all
70,000 images as one file, for training the base models on another machine.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.data.fashion import DEBIAN_FOLDER, load_fashion
from backend.data.sample import SAMPLE_PATH
from backend.data.splits import SAMPLE_TRAIN

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[np.uint8]]) -> str:
    """Write arrays as a compressed .npz without time stamps; return its SHA-256."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            body = io.BytesIO()
            np.lib.format.write_array(body, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body.getvalue(), zipfile.ZIP_DEFLATED, 9)
    content = buffer.getvalue()
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(content)
    aside.replace(path)
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Build the file or files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=DEBIAN_FOLDER)
    parser.add_argument("--out", type=Path, default=SAMPLE_PATH)
    parser.add_argument("--full", type=Path)
    options = parser.parse_args()
    fashion = load_fashion(options.source)
    for path, count in ((options.out, SAMPLE_TRAIN), (options.full, None)):
        if path is None:
            continue
        digest = write_npz(
            path,
            {
                "train_images": fashion.train_images[:count],
                "train_labels": fashion.train_labels[:count].astype(np.uint8),
                "test_images": fashion.test_images,
                "test_labels": fashion.test_labels.astype(np.uint8),
            },
        )
        sys.stdout.write(f"{digest}  {path.name}\n")


if __name__ == "__main__":
    main()
