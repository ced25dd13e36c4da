"""Coordinates of tiles as HDF5 files, one for each slide, as CLAM and TRIDENT read them.

    coords      int64 (n, 2), (x, y) of the top left corners in level-0 pixels
    imgs        uint8 (n, height, width, 3), if pixels are asked for
    imgs-mpp2   the same of their context
    cells, boxes, microns, class_shares
                as in Zarr stores

Where pixels are asked for, tiles that cannot be read are left out; coordinates alone are
written without reading any.  The attributes of `coords` are those that the two
programs look for, those of the file what is told of the slide (facts.facts_of()).

CLAM reads regions of a level, and patch_size is their size there, so it finds no
patch_level where tiles are resampled, and says so.  TRIDENT reads at magnifications; a
slide that tells neither its objective nor its resolution has none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._extras import missing
from ..output.whole import settle
from .facts import facts_of
from .plan import Job, Part, grid_of, parts
from .tile_output import Noted, TileOutput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .cells import Cells

#: What a slide of one micron per pixel is said to be scanned at.
_MAGNIFICATION_AT_1_MPP = 10


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise missing("HDF5 files need h5py", "h5") from None
    return h5py


class H5Output(TileOutput):
    """OUT/{slide}.h5, put together of a file for each part that has pixels."""

    def targets(self, job: Job) -> list[Path]:
        return [_finished(job)]

    def begin(self, job: Job, grid: TileGrid, is_begun: bool) -> None:
        _h5py()  # raises before anything is read in vain

    def reads(self, job: Job) -> bool:
        return job.options.pixels

    @contextmanager
    def writer(self, part: Part) -> Iterator[H5Writer]:
        width, height = grid_of(part.job, part.cells).size
        path = _part_path(part.job, part.number)
        with _whole(part.job, path) as file:
            for name in _image_arrays(part.job):
                _make_images(file, name, (0, height, width, 3))
            yield H5Writer(part.job, file)

    def present(self, job: Job, parts: Collection[Part], noted: Noted) -> set[int]:
        return {
            part.number
            for part in parts
            if not job.options.pixels or _part_path(job, part.number).is_file()
        }

    def finish(
        self, job: Job, cells: Cells, damaged: Collection[tuple[int, int]]
    ) -> list[Path]:
        import numpy as np

        grid = grid_of(job, cells)
        bad = [cell in damaged for cell in cells]
        good = grid.only(grid.cells[~np.array(bad, bool)])
        with _whole(job, _finished(job)) as file:
            facts = facts_of(job, grid)
            file.attrs.update({name: _attribute(v) for name, v in facts.items()})
            coords = file.create_dataset("coords", data=good.locations)
            coords.attrs.update(_attributes(job, good, facts))
            file.create_dataset("cells", data=good.cells)
            file.create_dataset("boxes", data=good.boxes)
            file.create_dataset("microns", data=good.micron_boxes)
            if good.classes:
                file.create_dataset("class_shares", data=good.class_shares)
            if job.options.pixels:
                numbers = [part.number for part in parts(job, cells)]
                _join(job, numbers, grid.size, file, len(good))
        return [_finished(job)]


class H5Writer:
    """Adds the pixels of tiles to the file of a part."""

    def __init__(self, job: Job, file: Any) -> None:
        self._names = _image_arrays(job)
        self._file = file

    def write(
        self, grid: TileGrid, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
    ) -> None:
        for name, pixels in zip(self._names, views, strict=True):
            images = self._file[name]
            start = len(images)
            images.resize(start + int(good.sum()), axis=0)
            images[start:] = pixels[good]


def _finished(job: Job) -> Path:
    return job.out / f"{job.name}.h5"


def _part_path(job: Job, number: int) -> Path:
    return job.folder.path / f"part-{number:06}.h5"


def _image_arrays(job: Job) -> list[str]:
    return [f"imgs{view}" for view in job.options.views]


@contextmanager
def _whole(job: Job, path: Path) -> Iterator[Any]:
    """An HDF5 file to write to, which takes its place when all went well."""
    part = job.folder.aside / f"{os.urandom(6).hex()}.h5"
    with _h5py().File(part, "w") as file:
        yield file
    settle([part])
    part.replace(path)
    settle([path])


def _make_images(file: Any, name: str, shape: tuple[int, ...]) -> Any:
    return file.create_dataset(
        name,
        shape,
        dtype="u1",
        maxshape=(None, *shape[1:]),
        chunks=(1, *shape[1:]),
        compression="gzip",
        compression_opts=1,
    )


def _join(
    job: Job, numbers: list[int], size: tuple[int, int], file: Any, count: int
) -> None:
    """Put the pixels of all parts together, as they are compressed."""
    width, height = size
    for name in _image_arrays(job):
        images = _make_images(file, name, (count, height, width, 3))
        end = 0
        for number in numbers:
            with _h5py().File(_part_path(job, number), "r") as piece:
                for i in range(len(piece[name])):
                    mask, chunk = piece[name].id.read_direct_chunk((i, 0, 0, 0))
                    images.id.write_direct_chunk((end + i, 0, 0, 0), chunk, mask)
                end += len(piece[name])


def _attributes(job: Job, grid: TileGrid, facts: dict[str, Any]) -> dict[str, Any]:
    """What CLAM and TRIDENT look for."""
    slide, level = grid.slide, grid.level
    width, height = slide.dimensions
    told: dict[str, Any] = {
        "name": job.name,
        "patch_size": job.options.size,
        "patch_size_level0": round(job.options.size * grid.scale[0]),
        "overlap": grid.size[0] - grid.stride[0],
        "level0_width": width,
        "level0_height": height,
    }
    downsample = slide.level_downsamples[level]
    if grid.scale == (downsample, downsample):
        told |= {
            "patch_level": level,
            "custom_downsample": 1,
            "downsample": [downsample, downsample],
            "level_dim": slide.level_dimensions[level],
            "downsampled_level_dim": slide.level_dimensions[level],
        }
    magnification = facts["objective_power"]
    if magnification is None and grid.slide_mpp is not None:
        magnification = _MAGNIFICATION_AT_1_MPP / grid.slide_mpp[0]
    if magnification is not None:
        told |= {
            "level0_magnification": _plain(magnification),
            "target_magnification": _plain(magnification / grid.scale[0]),
        }
    return told


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _attribute(value: Any) -> Any:
    """What HDF5 has of a fact: it knows no None, and no structures."""
    if value is None or isinstance(value, dict):
        return json.dumps(value)
    return value
