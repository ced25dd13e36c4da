"""A pickled slide whose file has become a FIFO: an error, not a wait."""

import os
import pickle
import signal
import sys

from openslide import OpenSlide, OpenSlideError

if __name__ == "__main__":
    path = sys.argv[1]
    data = pickle.dumps(OpenSlide(path))
    os.unlink(path)
    os.mkfifo(path)
    signal.alarm(10)
    try:
        pickle.loads(data)
    except OpenSlideError as error:
        if path not in str(error):
            sys.exit(f"the error does not name the file: {error}")
    else:
        sys.exit("a FIFO was opened as a slide")
