"""Types that the subcommands share, of arguments too."""

from __future__ import annotations

import argparse
from typing import TypeAlias

# What ArgumentParser.add_subparsers() returns; argparse has no public name for it.
Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def positive(text: str) -> int:
    """A positive integer; argparse reports the ValueError of others."""
    value = int(text)
    if value <= 0:
        raise ValueError(text)
    return value


positive.__name__ = "positive integer"  # what argparse calls it in errors
