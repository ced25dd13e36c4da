"""Write slides into a folder, with a manifest of what they hold."""

import argparse
import json
import time
from pathlib import Path

from . import WRITERS, reference, write
from .content import as_pillow


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.slides", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=WRITERS,
        default=list(WRITERS),
        help="slides to write, of: " + ", ".join(WRITERS),
    )
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    as_pillow(reference()).save(out / "reference.png", compress_level=1)
    manifest_path = out / "manifest.json"
    # Slides that an earlier run wrote stay in the manifest.
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    for name in arguments.only:
        start = time.perf_counter()
        facts = write(name, out)
        seconds = time.perf_counter() - start
        size = bytes_of(out, name)
        manifest[name] = facts.as_json(out) | {"bytes": size}
        print(f"{name:20} {facts.vendor:13} {size:>12,} bytes {seconds:6.2f} s")
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")


def bytes_of(folder: Path, name: str) -> int:
    """Size of a slide and its companions, which all bear its name."""
    found = [entry for entry in folder.iterdir() if entry.stem == name]
    found += [inner for entry in found if entry.is_dir() for inner in entry.iterdir()]
    return sum(entry.stat().st_size for entry in found if entry.is_file())


if __name__ == "__main__":
    main()
