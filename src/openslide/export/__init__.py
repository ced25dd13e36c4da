"""Whole folders of slides cut into tiles: on every core, resumable, kill-safe.

Data flows one way:

    folders     which slides there are
    manifest    or which a table names, and what it says of them
    names       what they are called in the output
    shares      which of them this run works off, of several that share the work
    plan        what is asked for; which tiles of a slide make a part, the unit of work
                and of resuming
    run         hands tasks to processes and reports; it never opens a slide itself
    workers     the processes, forks of one that has imported what they need (one_thread:
                first of all)
    cluster     or the workers of a Dask cluster
    staging     copies of slides on a local disk
    cells       which tiles: what processes tell one another of them
    survey      the first task: which tiles a slide has, and what of them is there
    slide_work  what is done of a slide
    part        reads the tiles of one part and gives them to a writer
    native      copies tiles as the slide stores them instead
    tile_output what all kinds of output have in common: images, webdataset, zarr_store,
                h5_file, parquet
    masks       which mask a slide has, and the mask as it is written
    facts       what is told of slides and tiles beside the pixels
    packing     shards of all slides, shuffled, out of those of single slides
    overview    what people look at afterwards

The plan of a slide is its survey and plan.parts() of that: the same wherever it is made.
part.export_part() works off a part anywhere that sees slides and output, and what it
returns is noted by one run alone.  So `run` needs no more of what runs its tasks than
Workers.run(): a scheduler of a cluster may take its place.  Batch jobs that know nothing of
one another have whole slides each instead (shares).

How the results get to a disk is the matter of ..output.
"""

from __future__ import annotations

from .folders import LeftOut, find_slides
from .manifest import Manifest, ManifestRow, read_manifest
from .masks import MaskOptions, MatchedMasks, match_masks
from .names import FoundSlide
from .plan import TileOptions
from .run import Failure, Summary, begin_workers, export_tiles
from .shares import Share

__all__ = [
    "Failure",
    "FoundSlide",
    "LeftOut",
    "Manifest",
    "ManifestRow",
    "MaskOptions",
    "MatchedMasks",
    "Share",
    "Summary",
    "TileOptions",
    "begin_workers",
    "export_tiles",
    "find_slides",
    "match_masks",
    "read_manifest",
]
