"""What a server is told when it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .._cpus import usable_cpus

#: More threads in one process would wait for Python's lock.
_MOST_THREADS = 4

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HOST = re.compile(r"[^\s:/?#@,*]+")
_ORIGIN = re.compile(
    rf"[a-z][a-z0-9+.-]*://({_HOST.pattern}|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?"
)


class ReaderSettings(NamedTuple):
    """What the processes that read slides are told.

    Attributes:
        threads:     how many pictures a process makes at once.
        cache:       bytes of decoded tiles that a process keeps, of all its slides.
        open_slides: how many slides a process holds open that nobody reads.
        tile_size, overlap: of Deep Zoom tiles, in pixels.
        quality:     of JPEG and WebP, from 1 to 100.
        labels:      whether pictures and properties may be shown that can name a patient.
    """

    threads: int
    cache: int
    open_slides: int
    tile_size: int
    overlap: int
    quality: int
    labels: bool


@dataclass(frozen=True)
class Settings:
    """How slides are served.

    served:       folders and slides.
    host, port:   where to listen; port 0 takes any that is free.
    token:        what others must show, see guard.Token; None: nobody asks.
    names:        host names that the server answers to, beside its own addresses.
    origins:      of pages elsewhere that may use this server's pictures; "*": all.
    ancestors:    of pages elsewhere that may show this server's pages in a frame.
    base_path:    what all addresses begin with, such as "/slides"; "": nothing.
    labels:       see ReaderSettings.
    follow_links: whether links may lead out of the folders that are served.
    cache:        bytes of pictures and decoded tiles to keep, in all processes together.
    open_slides:  how many slides to hold open that nobody reads, in all processes.
    processes:    how many processes read slides.
    threads:      how many pictures each of them makes at once.
    queue:        how many pictures may wait to be made; who asks for more is told to
                  come back later.
    patience:     seconds that making a picture may take.
    tile_size, overlap, quality: see ReaderSettings.
    proxies:      addresses of proxies, which are believed who asks, and by which scheme.

    Raises ValueError for what makes no sense.
    """

    served: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()
    base_path: str = ""
    labels: bool = False
    follow_links: bool = False
    cache: int = 256 << 20
    open_slides: int = 32
    processes: int = field(default_factory=lambda: -(-usable_cpus() // _MOST_THREADS))
    threads: int = field(default_factory=lambda: min(usable_cpus(), _MOST_THREADS))
    queue: int = 1024
    patience: float = 120.0
    tile_size: int = 254
    overlap: int = 1
    quality: int = 75
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")

    def __post_init__(self) -> None:
        if not self.served:
            raise ValueError("there is nothing to serve: name a folder or a slide")
        for name in ("processes", "threads", "queue", "tile_size", "open_slides"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be 1 or more, not {getattr(self, name)!r}"
                )
        for name in ("cache", "overlap"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name} must not be negative, but is {getattr(self, name)!r}"
                )
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality must be from 1 to 100, not {self.quality!r}")
        if self.base_path and not _PATH.fullmatch(self.base_path):
            raise ValueError(
                'base_path must be "/" and a name, of letters, digits, "-", "_", "." '
                f'and "~", once or more, not {self.base_path!r}'
            )
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, not {self.port!r}")
        if self.token == "":
            raise ValueError("token must not be empty, for anybody could show that")
        # Browsers and proxies send nothing else, so these would never match.
        for origin in self.origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    "origins are * or like https://viewer.example:8000, without a path, "
                    f"not {origin!r}"
                )
        for name in self.names:
            if not _HOST.fullmatch(name):
                raise ValueError(
                    "host names are like slides.example, without a scheme, port or "
                    f"path, not {name!r}"
                )

    @property
    def picture_cache(self) -> int:
        """Bytes of encoded pictures to keep: half of all, for they are small."""
        return self.cache // 2

    @property
    def reader(self) -> ReaderSettings:
        """What each process that reads slides is told."""
        return ReaderSettings(
            threads=self.threads,
            cache=(self.cache - self.picture_cache) // self.processes,
            open_slides=max(1, self.open_slides // self.processes),
            tile_size=self.tile_size,
            overlap=self.overlap,
            quality=self.quality,
            labels=self.labels,
        )
