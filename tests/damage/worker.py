"""The process in which damaged slides are read: a request a line, an answer a line.

It is told the bytes of address space that it may use, so that a size which a file
declares does not take the machine's memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from typing import TextIO

from .examine import Answer, Request, examine


def _answers_alone_on_stdout() -> TextIO:
    """A stream to the parent; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(request: Request) -> Answer:
    try:
        return examine(request)
    except Exception:
        detail = traceback.format_exc()
        return {"outcome": "wrong", "errors": 0, "compared": 0, "detail": detail}


def main() -> None:
    limit = int(sys.argv[1])
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = _answers_alone_on_stdout()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
