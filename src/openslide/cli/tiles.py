"""openslide tiles: cut slides into tiles, on every core, to be gone on with at any time.

Tiles go to a folder of images for each slide, to shards of a WebDataset, to a Zarr
store for each slide, to HDF5 files of coordinates that CLAM and TRIDENT read, or to
Parquet files for Hugging Face's datasets.  Beside them are, for each slide, a summary (.json), the slide
with the tiles outlined (-overlay.jpg) and some of the tiles (-sheet.jpg).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .._sampling import FILTERS
from .._threads import get_num_threads
from ..output.encoding import LONGEST_SIDES
from ..output.telling import counted, listed, told_damage, told_of, told_tiles
from ._console import say
from ._progress import Progress
from ._types import (
    byte_count,
    finite,
    microns,
    not_negative,
    numbered_part,
    percent,
    positive,
    resolutions,
    saturation,
    share,
)

if TYPE_CHECKING:
    from ..export import FoundSlide, LeftOut, Manifest, Summary, TileOptions
    from ._types import Subcommands

#: Of what need not be told of one by one.
_SHOWN = 5

_PICTURES = {"auto": None, "yes": True, "no": False}

TARGETS = ("images", "webdataset", "zarr", "h5", "parquet")

_USUAL_SIZE = 256


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "tiles", help="cut slides into tiles", description=__doc__
    )
    parser.add_argument(
        "slides", nargs="*", metavar="SLIDE", help="a file, a folder, or a pattern"
    )
    parser.add_argument(
        "--manifest",
        metavar="CSV",
        help="take the slides of a table instead: a column slide, and any of mask, "
        "slide_mpp, and others such as label and split, which go into every output",
    )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", type=Path)
    parser.add_argument(
        "--pictures",
        choices=tuple(_PICTURES),
        default="auto",
        help="whether pictures, such as PNG files, are cut like slides; auto: where "
        "there are no slides (default: %(default)s)",
    )
    _add_tile_arguments(parser)
    _add_output_arguments(parser)
    parser.set_defaults(run=run, usage_error=parser.error)


def _add_tile_arguments(parser: argparse.ArgumentParser) -> None:
    tiles = parser.add_argument_group("which tiles")
    tiles.add_argument(
        "--size",
        type=positive,
        metavar="PIXELS",
        help=f"side of a tile (default: {_USUAL_SIZE}, or the slide's own if native)",
    )
    tiles.add_argument(
        "--overlap",
        type=not_negative,
        default=0,
        metavar="PIXELS",
        help="what neighbours have in common (default: %(default)s)",
    )
    tiles.add_argument(
        "--stride",
        type=positive,
        metavar="PIXELS",
        help="from tile to tile, instead of an overlap; more than a tile leaves gaps",
    )
    resolution = tiles.add_mutually_exclusive_group()
    resolution.add_argument("--level", type=int, help="level to cut (default: 0)")
    resolution.add_argument(
        "--mpp",
        type=resolutions,
        metavar="MICRONS",
        help="microns per pixel of the tiles, instead of a level; 0.5,2 adds to each "
        "tile at 0.5 one at 2 with the same centre, to show what lies around",
    )
    tiles.add_argument(
        "--resample",
        choices=tuple(FILTERS),
        default="bicubic",
        help="how tiles come by it, see Pillow's filters (default: %(default)s)",
    )
    tiles.add_argument(
        "--slide-mpp",
        type=microns,
        metavar="MICRONS",
        help="microns per level-0 pixel, for slides that do not say",
    )
    tiles.add_argument(
        "--min-tissue",
        type=share,
        metavar="SHARE",
        help="leave out tiles with less tissue, from 0 to 1",
    )
    tiles.add_argument(
        "--mask",
        metavar="FILE|DIR",
        help="what is tissue: GeoJSON polygons, or an image of which anything but "
        "black is; by default it is looked for, on bright field. A folder has one for "
        "each slide, called like it. A slide for which the manifest names one has that",
    )
    tiles.add_argument(
        "--mask-class",
        action="append",
        metavar="NAME",
        help="of the mask only this class is wanted, or this value of an image; may be "
        'given again (default: all but QuPath\'s "Ignore*")',
    )
    tiles.add_argument(
        "--mask-origin",
        choices=("bounds", "slide"),
        help="where polygons count from: the corner of the slide's bounds, as QuPath "
        "does, or the slide's own; of images, what they cover (default: bounds for "
        "polygons, slide for images)",
    )
    tiles.add_argument(
        "--mask-threshold",
        type=finite,
        metavar="VALUE",
        help="of an image what is at least this is wanted (default: more than 0)",
    )
    tiles.add_argument(
        "--tissue-threshold",
        type=saturation,
        metavar="0-255",
        help="tissue is more saturated than this (default: found for each slide); "
        "lower for pale stains",
    )
    tiles.add_argument(
        "--sample",
        type=positive,
        metavar="N",
        help="so many tiles of each slide, chosen by chance",
    )
    tiles.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="NUMBER",
        help="which chance: the same number chooses the same tiles "
        "(default: %(default)s)",
    )


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("how they are written")
    output.add_argument(
        "--to",
        choices=TARGETS,
        default="images",
        help="default: %(default)s",
    )
    output.add_argument(
        "--format",
        choices=("jpeg", "png", "native"),
        default="jpeg",
        help="of images, shards and Parquet files (default: %(default)s); native copies the tiles of "
        "a level as the slide stores them, without loss, many times as fast; what it "
        "does not store so is encoded as JPEG, and told",
    )
    output.add_argument(
        "--require-native",
        action="store_true",
        help="refuse slides of which a tile would have to be encoded",
    )
    output.add_argument(
        "--quality",
        type=percent,
        default=80,
        metavar="1-100",
        help="of JPEG (default: %(default)s)",
    )
    output.add_argument(
        "--pixels",
        action="store_true",
        help="write pixels to HDF5 files too, not the coordinates alone",
    )
    output.add_argument(
        "--color",
        choices=("srgb", "ignore"),
        default="ignore",
        help="convert pixels to sRGB by the slide's ICC profile, or leave them as they "
        "are (default: %(default)s)",
    )
    output.add_argument(
        "--shard-size",
        type=positive,
        default=512,
        metavar="TILES",
        help="tiles in a shard; also what a kill loses at most (default: %(default)s)",
    )
    output.add_argument(
        "--shuffle",
        type=int,
        metavar="SEED",
        help="write shards of all slides too, dataset-000000.tar and so on, with their "
        "tiles shuffled; the same number gives the same order",
    )
    output.add_argument(
        "--shard-bytes",
        type=byte_count,
        metavar="BYTES",
        help="write shards of all slides too, of so many bytes at most, such as 500M",
    )
    output.add_argument(
        "--paths",
        action="store_true",
        help="write the absolute path of a slide beside its name; without it, the same "
        "slides give the same bytes wherever they lie",
    )
    output.add_argument(
        "--part",
        type=numbered_part,
        metavar="I/N",
        help="work off one of N shares of the slides, such as 3/20, as each task of an "
        "array of batch jobs does; all of them together write what one run does. A slide "
        "is of one share: these are about equal, by bytes, where there are far more "
        "slides than shares; --scheduler divides slides, too",
    )
    output.add_argument(
        "--stage",
        type=Path,
        metavar="DIR",
        help="a local disk: each slide is copied there while another one is read, and "
        "removed when it is done",
    )
    output.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="processes that read and write (default: one for each CPU)",
    )
    output.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="work on the Dask cluster with this scheduler, such as tcp://host:8786, "
        "instead of this machine; slides and output must lie where its workers see them",
    )
    output.add_argument(
        "--resume",
        action="store_true",
        help="go on with what an earlier run has left, and leave alone what is complete",
    )


def run(options: argparse.Namespace) -> int:
    from ..export import (
        Share,
        begin_workers,
        export_tiles,
        find_slides,
        read_manifest,
    )

    _check(options)
    workers = options.workers or get_num_threads()
    if options.scheduler is None:
        begin_workers(options.to, workers)
    left_out = _LeftOut()
    manifest = None
    if options.manifest:
        manifest = read_manifest(options.manifest)
        slides = manifest.slides(options.output)
    else:
        slides = find_slides(
            options.slides,
            without=options.output,
            pictures=_PICTURES[options.pictures],
            tell=left_out.note,
        )
        left_out.tell_rest()
    if not slides:
        raise FileNotFoundError(f"there are no slides in {' '.join(options.slides)}")
    masks, slides, unmatched = _masks(options.mask, slides, manifest)
    names = [slide.name for slide in slides]
    if options.part:
        share = Share(*options.part)
        shared = share.among(slides)
        say(share.told(shared, len(slides)))
        slides = shared.slides
    with Progress() as progress:
        summary = export_tiles(
            slides,
            options.output,
            _tile_options(options),
            masks=masks,
            manifest=manifest,
            stage=options.stage and options.stage.absolute(),
            workers=workers,
            resume=options.resume,
            report=progress,
            scheduler=options.scheduler,
        )
    failed = [*left_out.failed, *unmatched]
    failed += [failure.path for failure in summary.failures]
    _tell(summary, failed, options.output)
    if options.shuffle is not None or options.shard_bytes is not None:
        _pack(options, names, [*left_out.failed, *unmatched])
    return 1 if failed else 0


def _pack(options: argparse.Namespace, names: list[str], failed: list[Path]) -> None:
    """Write shards of all slides, if all are complete."""
    from ..export.packing import NAME, Packing, incomplete, pack

    out = options.output.absolute()
    missing = [*map(str, failed), *incomplete(out, names)]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        say(
            f"no shards of all slides yet: {counted(len(missing), 'slide')} {are} not "
            f"complete, {listed(missing, _SHOWN)}; go on with --resume when they are, or "
            "leave them out"
        )
        return
    packing = Packing(options.shuffle, options.shard_size, options.shard_bytes)
    workers = options.workers or get_num_threads()
    packed = pack(out, names, packing, workers=workers, resume=options.resume)
    say(
        f"{counted(packed.samples, 'tile')} in {counted(packed.shards, 'shard')} of all "
        f"slides, {options.output / NAME}-000000.tar and so on"
    )


def _masks(
    mask: str | None, slides: list[FoundSlide], manifest: Manifest | None
) -> tuple[dict[Path, Path], list[FoundSlide], list[Path]]:
    """The masks of a folder by slide, the slides that have one, and those that have none.

    Slides have the mask that the manifest names, if it names one.  Of those that have
    none it is told at once why.
    """
    if mask is None or not Path(mask).is_dir():
        return {}, slides, []
    from ..export import match_masks

    named = manifest.with_masks if manifest else set()
    others = [slide for slide in slides if slide.path not in named]
    masks, missing = match_masks(Path(mask).absolute(), others)
    for path, reason in missing.items():
        say(f"openslide: {told_of(path, reason)}")
    kept = [slide for slide in slides if slide.path not in missing]
    return masks, kept, list(missing)


class _LeftOut:
    """What the search leaves out, told of.

    Attributes:
        failed: what somebody will miss.
    """

    def __init__(self) -> None:
        self.failed: list[Path] = []
        self._pictures: list[str] = []
        self._others: list[str] = []

    def note(self, left_out: LeftOut) -> None:
        """Tell of it at once, or of many in one line."""
        path, kind, reason, is_failure = left_out
        if is_failure:
            self.failed.append(path)
            if kind == "picture":
                reason += "; or give --pictures yes, to cut it as it is"
            say(f"openslide: {told_of(path, reason)}")
        elif kind == "picture":
            self._pictures.append(path.name)
        else:
            self._others.append(path.name)

    def tell_rest(self) -> None:
        """Tell of what need not be told of one by one."""
        if self._pictures:
            say(
                f"left out: {counted(len(self._pictures), 'picture')} beside slides, "
                f"which --pictures yes takes: {listed(self._pictures, _SHOWN)}"
            )
        if self._others:
            say(
                f"left out: {counted(len(self._others), 'file')} that can be no slide: "
                f"{listed(self._others, _SHOWN)}"
            )


def _check(options: argparse.Namespace) -> None:
    """End the program where options do not go together."""
    if bool(options.slides) == bool(options.manifest):
        options.usage_error("name slides, or a --manifest of them")
    if options.scheduler and options.workers:
        options.usage_error("--workers is for this machine; a cluster has its own")
    if options.scheduler and options.stage:
        options.usage_error(
            "--stage is for this machine; workers of a cluster read slides where they are"
        )
    if options.pixels and options.to != "h5":
        options.usage_error("--pixels is for --to h5; other outputs have pixels anyway")
    for name in ("shuffle", "shard_bytes"):
        if getattr(options, name) is not None and options.to != "webdataset":
            options.usage_error(
                f"--{name.replace('_', '-')} is for shards; choose --to webdataset"
            )
    if options.format == "native":
        if options.color == "srgb":
            options.usage_error(
                "--color srgb does not go with --format native, which copies tiles"
            )
        for name in ("size", "overlap", "stride", "mpp"):
            if getattr(options, name):
                options.usage_error(
                    f"--{name} does not go with --format native, for which tiles are "
                    "what the slide stores; choose a --level"
                )
        if options.to in ("zarr", "h5"):
            options.usage_error(
                f"--format native does not go with --to {options.to}, which stores pixels"
            )
    elif options.require_native:
        options.usage_error("--require-native goes with --format native alone")
    if options.mask is None and options.manifest is None:
        for name in ("mask_class", "mask_origin", "mask_threshold"):
            if getattr(options, name) is not None:
                options.usage_error(f"--{name.replace('_', '-')} needs --mask")
    makes_jpeg = options.format == "jpeg" and options.to not in ("zarr", "h5")
    limit = LONGEST_SIDES["jpeg"]
    if makes_jpeg and (options.size or 0) > limit:
        options.usage_error(
            f"JPEG has {limit} pixels at most on a side; make --size {options.size} "
            "smaller, or choose --format png"
        )


def _tile_options(options: argparse.Namespace) -> TileOptions:
    from ..export import MaskOptions, TileOptions

    return TileOptions(
        size=options.size or _USUAL_SIZE,
        overlap=options.overlap,
        stride=options.stride,
        level=options.level,
        mpp=options.mpp and options.mpp[0],
        context=tuple(options.mpp[1:]) if options.mpp else (),
        sample=options.sample,
        seed=options.seed,
        color=options.color,
        pixels=options.pixels,
        resample=options.resample,
        slide_mpp=options.slide_mpp,
        min_tissue=options.min_tissue,
        mask=options.mask and str(Path(options.mask).absolute()),
        about_mask=MaskOptions(
            classes=options.mask_class and tuple(options.mask_class),
            origin=options.mask_origin,
            threshold=options.mask_threshold,
            saturation=options.tissue_threshold,
        ),
        to=options.to,
        format=options.format,
        require_native=options.require_native,
        quality=options.quality,
        shard_size=options.shard_size,
        paths=options.paths,
    )


def _tell(summary: Summary, failed: Sequence[Path], out: Path) -> None:
    """What became of all slides; of failures the reasons were told before."""
    for path, result in summary.results.items():
        if result.damaged:
            why = result.damage_reason
            told = told_damage(result.damaged, "(column, row)", "skipped", why)
            say(f"{path}: {told}")
        if result.encoded:
            fate = "encoded, not copied"
            told = told_tiles(result.encoded, "tile", "(column, row)", fate)
            say(f"{path}: {told}: {result.reason}")
    for path, holes in summary.holes.items():
        say(f"{path}: {counted(holes, 'hole')} left out, where it has no tile")
    if failed:
        names = listed([path.name for path in failed])
        say(f"{counted(len(failed), 'slide')} failed: {names}")
    damaged = sum(len(cells) for cells in summary.damaged.values())
    tiles = counted(summary.tiles - damaged, "tile")
    say(f"{tiles} of {counted(summary.slides, 'slide')} in {out}")
