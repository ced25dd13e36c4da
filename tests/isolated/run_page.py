"""Run the blocks of a page of the documentation: run_page.py NAME < BLOCKS.

BLOCKS: a JSON list of [language, line, text]. Tracebacks tell the line of the page.
"""

import json
import multiprocessing
import subprocess
import sys


def main() -> None:
    name = sys.argv[1]
    namespace = {"__name__": "__page__"}
    for language, line, text in json.load(sys.stdin):
        print(f"{name}:{line} ({language})", flush=True)
        if language == "python":
            exec(compile("\n" * line + text, name, "exec"), namespace)
        else:
            subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)


if __name__ == "__main__":
    # What a page defines is known to children that are forked alone.
    if "fork" in multiprocessing.get_all_start_methods():
        multiprocessing.set_start_method("fork")
    main()
