"""How the server and a process that reads slides talk: a socket with frames.

A frame is two lengths, JSON, and bytes as they are, such as those of a picture.  It
is not pickled, for a process that reads damaged files is not to be trusted with what
the server executes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BufferedReader
from struct import Struct
from typing import Any, NamedTuple

_LENGTHS = Struct("<II")


class Frame(NamedTuple):
    """A message: what JSON can hold, and bytes."""

    head: dict[str, Any]
    body: bytes = b""

    def pack(self) -> bytes:
        """The bytes to send."""
        head = json.dumps(self.head, separators=(",", ":")).encode()
        return b"".join((_LENGTHS.pack(len(head), len(self.body)), head, self.body))


def read_frame(stream: BufferedReader) -> Frame | None:
    """The next frame, None where the other side has ended."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_size, body_size = _LENGTHS.unpack(lengths)
    head, body = stream.read(head_size), stream.read(body_size)
    if len(head) < head_size or len(body) < body_size:
        return None
    return Frame(json.loads(head), body)


class FrameParser:
    """Frames out of bytes as they come in."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now."""
        self._bytes += data
        position = 0
        while position + _LENGTHS.size <= len(self._bytes):
            head_size, body_size = _LENGTHS.unpack_from(self._bytes, position)
            start = position + _LENGTHS.size
            end = start + head_size + body_size
            if end > len(self._bytes):
                break
            with memoryview(self._bytes) as view:
                head = bytes(view[start : start + head_size])
                body = bytes(view[start + head_size : end])
            position = end
            yield Frame(json.loads(head), body)
        del self._bytes[:position]
