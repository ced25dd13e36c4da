"""The command `openslide`: one module per subcommand.

Such a module has add_parser(subcommands), which declares its arguments and sets
`run`, a function of the parsed arguments that returns the exit status.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import OpenSlideError, __library_version__, __version__
from . import associated, dzi, info, region, serve, thumbnail, tiles

# What says in its message what is wrong.  ImportError: NumPy, where it is needed;
# OverflowError and MemoryError: more pixels than there can be.
_FAILURES = (
    *(OpenSlideError, OSError, ValueError),
    *(ImportError, OverflowError, MemoryError),
)

_SUBCOMMANDS = (info, thumbnail, region, associated, tiles, dzi, serve)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openslide", description="Look at whole-slide images and cut them up."
    )
    version = f"openslide-native {__version__}, libopenslide {__library_version__}"
    parser.add_argument("--version", action="version", version=version)
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _SUBCOMMANDS:
        module.add_parser(subcommands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 for a failure, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except _FAILURES as error:
        print(f"openslide: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status
