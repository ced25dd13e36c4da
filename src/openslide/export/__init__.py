"""Whole folders of slides cut into tiles: on every core, resumable, kill-safe.

Data flows one way:

    folders     which slides there are
    plan        what is asked for; which tiles of a slide make a part, the unit of work
                and of resuming
    run         hands tasks to processes and reports; it never opens a slide itself
    workers     the processes
    survey      the first task: which tiles a slide has
    slide_work  what is done of a slide
    part        reads the tiles of one part and gives them to a writer:
                images, webdataset or zarr_store
    overview    what people look at afterwards

How the results get to a disk is the matter of ..output.
"""

from __future__ import annotations

from .folders import FoundSlide, find_slides
from .plan import TileOptions
from .run import Failure, Summary, export_tiles

__all__ = [
    "Failure",
    "FoundSlide",
    "Summary",
    "TileOptions",
    "export_tiles",
    "find_slides",
]
