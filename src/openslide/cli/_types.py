"""Types that the subcommands share."""

from __future__ import annotations

import argparse
from typing import TypeAlias

# What ArgumentParser.add_subparsers() returns; argparse has no public name for it.
Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
