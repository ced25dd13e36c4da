"""The oracle's process: a request a line on stdin, an answer a line on stdout.

    {"lines": [...], "names": {...}}  ->  [description, ...]

The first line of the output tells the versions.
"""

import json
import sys

from tests.oracle.script import run, versions


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # prints must not be answers
    print(json.dumps(versions()), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = run(request["lines"], request["names"])
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
