"""What `openslide tiles` writes, for tests."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openslide.cli import main
from tests.slides import SlideFacts, reference, write_generic

TISSUE = reference()[800:1184, 700:1212]  # 512 x 384 pixels


def write_tissue(folder: Path, name: str = "tissue") -> SlideFacts:
    """A lossless slide of two levels, in tiles of 64 x 64 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_generic(
        folder, name=name, image=TISSUE, encoding="lzw", tile=64, factors=(1, 2)
    )


def cut(out: Path, *arguments: str | Path, workers: int = 1) -> int:
    """The status of `openslide tiles`.

    Several workers are forks of a process that has imported everything, and are there
    sooner than the only one; but of two messages any may come first.
    """
    options = map(str, arguments)
    return main(["tiles", "-o", str(out), f"--workers={workers}", *options])


def contents(folder: Path) -> dict[str, bytes]:
    """All files by their path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def samples(out: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Key, JSON and image of all samples in shards, in order."""
    for path in sorted(out.glob("*.tar")):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            for about, image in zip(members[::2], members[1::2], strict=True):
                key = about.name.removesuffix(".json")
                assert image.name.partition(".")[0] == key
                assert (about.mtime, about.uid, about.uname) == (0, 0, "")
                json_file, image_file = tar.extractfile(about), tar.extractfile(image)
                assert json_file is not None
                assert image_file is not None
                told = json_file.read()
                found = json.loads(told)
                assert told == json.dumps(found).encode()
                yield key, found, image_file.read()


def work_folder(base: Path) -> Path:
    """Where the work on what is called `base` is until it is complete."""
    return base.with_name(f".{base.name}.openslide-work")


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)
