"""The command `openslide`: one module per subcommand.

Such a module has add_parser(subcommands), which declares its arguments and sets
`run`, a function of the parsed arguments that returns the exit status.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .. import __library_version__, __version__
from ..output.telling import hush_other_libraries, reason_of
from . import associated, convert, dzi, info, region, serve, thumbnail, tiles
from ._console import Ended, console, say

_SUBCOMMANDS = (info, thumbnail, region, associated, tiles, dzi, convert, serve)


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
    """Run the command and return its exit status.

    0; 1 for a failure; 130 for Ctrl-C, and so on for other signals.  With `python -X dev`
    there is a traceback of what nobody expects.
    """
    options = _parser().parse_args(arguments)
    hush_other_libraries()
    with console():
        try:
            status: int = options.run(options)
        except KeyboardInterrupt:
            return 130
        except Ended as end:
            _tell_end(end, options)
            return end.status
        except Exception as error:
            if sys.flags.dev_mode:
                raise
            say(f"openslide: {reason_of(error)}")
            return 1
    return status


def _tell_end(end: Ended, options: argparse.Namespace) -> None:
    if str(end):
        way_out = "; the same command with --resume goes on"
        say(f"openslide: {end}{way_out if 'resume' in options else ''}")
