"""The command `openslide`, where it is not known yet whose package this is.

openslide-python, installed later, puts its own files in the place of some of ours: the
package that is imported is its then, and most of ours cannot be.
"""

from __future__ import annotations

import sys

from ._coexistence import MEND, is_replaced


def main() -> int:
    """Run the command and return its exit status."""
    if is_replaced():
        print(
            "openslide: openslide-python was installed over openslide-native, which is "
            f"not whole any more; to mend: {MEND}",
            file=sys.stderr,
        )
        return 1
    from .cli import main as run

    return run()
