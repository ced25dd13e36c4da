"""A process that reads slides for the server.

libopenslide dies of some damaged files, and waits for others without end.  That may
cost this process, and not the server.  Its threads take turns in listening to the
server, so that no time is lost in handing work from one to another.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from io import BufferedReader
from threading import Event, Lock, Thread
from typing import Any

from .._errors import OpenSlideError, OpenSlideUnsupportedFormatError
from .._missing import leave_it_untold
from .._open_slides import OpenSlides
from .._threads import set_num_threads
from . import pictures
from .frames import Frame, read_frame
from .pictures import NoSuchPictureError, ServedSlide, shared_cache
from .settings import ReaderSettings


def main() -> None:
    """The whole life of a process: it ends when the server says so, or is gone.

    Standard input tells the settings, and what its connection is.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    leave_it_untold()
    told = json.load(sys.stdin)
    shared = told["connection"]
    if sys.platform == "win32":
        connection = socket.fromshare(bytes.fromhex(shared))
    else:
        connection = socket.socket(fileno=shared)
    serve(connection, ReaderSettings(*told["settings"]))
    sys.stderr.flush()
    os._exit(0)  # also where a thread is at a read that does not end


def serve(connection: socket.socket, settings: ReaderSettings) -> None:
    """Read what the server asks for, until it closes the connection."""
    # Every thread makes a picture of its own; more would be in each other's way.
    set_num_threads(1)
    cache = shared_cache(settings.cache)
    slides = OpenSlides(
        lambda path: ServedSlide.opened(path, settings, cache), settings.open_slides
    )
    connection.setblocking(True)
    process = _Process(connection, connection.makefile("rb"), slides)
    for _ in range(settings.threads):
        Thread(target=process.work, daemon=True).start()
    process.ended.wait()


class _Process:
    def __init__(
        self,
        connection: socket.socket,
        requests: BufferedReader,
        slides: OpenSlides[ServedSlide],
    ) -> None:
        self._connection = connection
        self._requests = requests
        self._slides = slides
        self.ended = Event()
        self._listening = Lock()
        self._answering = Lock()

    def work(self) -> None:
        """Answer one request after the other, until there are no more."""
        while True:
            with self._listening:
                request = read_frame(self._requests)
            if request is None:
                self.ended.set()
                return
            answer = self._answer(request.head)
            answer.head["id"] = request.head["id"]
            answer.head["open_slides"] = len(self._slides)
            try:
                with self._answering:
                    self._connection.sendall(answer.pack())
            except OSError:
                self.ended.set()
                return

    def _answer(self, request: dict[str, Any]) -> Frame:
        path = request["path"]
        try:
            with self._slides.borrow(path, request["version"]) as slide:
                return self._read(slide, request)
        except OpenSlideUnsupportedFormatError as error:
            return _failure("absent" if _is_absent(path) else "unopenable", error)
        except OpenSlideError as error:
            return _failure("unopenable", error)
        except NoSuchPictureError as error:
            return _failure("no picture", error)
        except (ValueError, MemoryError, OverflowError) as error:
            return _failure("refused", error)
        except Exception as error:  # a fault of ours: the server goes on
            traceback.print_exc(file=sys.stderr)
            return _failure("fault", type(error)())

    def _read(self, slide: ServedSlide, request: dict[str, Any]) -> Frame:
        made = pictures.READS[request["what"]](slide, **request["arguments"])
        if made.is_damaged and _is_absent(request["path"]):
            return _failure("absent", FileNotFoundError("it is gone"))
        head = {
            "media_type": made.media_type,
            "damaged": made.is_damaged,
            "native": made.is_native,
        }
        return Frame(head, made.body)


def _is_absent(path: str) -> bool:
    return not os.path.exists(path)


def _failure(kind: str, error: Exception) -> Frame:
    return Frame({"failure": kind, "message": str(error) or type(error).__name__})
