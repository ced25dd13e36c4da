"""openslide.array: slides as Zarr groups and as Dask arrays."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import openslide
from openslide import OpenSlideUnsupportedFormatError, array
from tests.slides import SlideFacts
from tests.slides.content import MPP
from tests.slides.stored import blank_tile

dask_array = pytest.importorskip("dask.array")
fsspec = pytest.importorskip("fsspec")
zarr: Any = pytest.importorskip("zarr")

# One format with each way to store pixels, and thin tiles.
FORMATS = ["aperio-jpeg", "leica", "mirax", "zeiss-zstd1", "generic-sparse", "ndpi"]


@pytest.fixture(params=FORMATS)
def path(request: pytest.FixtureRequest, slides: Mapping[str, SlideFacts]) -> Path:
    return slides[request.param].path


@pytest.fixture
def aperio(slides: Mapping[str, SlideFacts]) -> Path:
    return slides["aperio-jpeg"].path


def open_zarr(path: Path, **options: Any) -> Any:
    """The view; what zarr tells of the types of its parts is too little to be used."""
    return array.open_zarr(path, **options)


def to_dask(path: Path, **options: Any) -> Any:
    return array.to_dask(path, **options)


def url(path: Path) -> str:
    return f"slide://{path}"


# Zarr


def test_chunks_have_the_pixels_of_the_slide(path: Path) -> None:
    group = open_zarr(path)
    with openslide.open_slide(path) as slide:
        assert sorted(group.group_keys()) == [str(n) for n in range(slide.level_count)]
        for level, (width, height) in enumerate(slide.level_dimensions):
            image = group[f"{level}/image"]
            assert image.shape == (3, height, width)
            assert image.dtype == np.uint8
            assert image.metadata.dimension_names == ("c", "y", "x")
            _, rows, columns = image.chunks
            # The last chunk, and the one before, which is whole.
            for column in {0, (width - 1) // columns, max(0, width // columns - 1)}:
                x, y = column * columns, (height - 1) // rows * rows
                size = min(columns, width - x), min(rows, height - y)
                expected = slide.read_array((x, y), level, size, coordinates="level")
                found = image[:, y : y + size[1], x : x + size[0]]
                np.testing.assert_array_equal(found.transpose(1, 2, 0), expected)


def test_a_chunk_is_a_stored_tile(
    aperio: Path, slides: Mapping[str, SlideFacts]
) -> None:
    with openslide.OpenSlide(aperio) as slide:
        width = int(slide.properties["openslide.level[0].tile-width"])
        height = int(slide.properties["openslide.level[0].tile-height"])
    assert open_zarr(aperio)["0/image"].chunks == (3, height, width)
    thin = open_zarr(slides["ndpi"].path)["0/image"].chunks
    assert min(thin[1:]) >= 128


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    chunks=st.integers(1, 700) | st.tuples(st.integers(50, 900), st.integers(50, 900)),
    corner=st.tuples(st.integers(0, 900), st.integers(0, 700)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_chunks_of_any_size(
    aperio: Path,
    chunks: int | tuple[int, int],
    corner: tuple[int, int],
    size: tuple[int, int],
) -> None:
    image = open_zarr(aperio, chunks=chunks)["0/image"]
    width, height = chunks if isinstance(chunks, tuple) else (chunks, chunks)
    assert image.chunks == (3, height, width)
    (x, y), (w, h) = corner, size
    with openslide.OpenSlide(aperio) as slide:
        expected = slide.read_array(corner, 0, size)
    found = image[:, y : y + h, x : x + w].transpose(1, 2, 0)
    np.testing.assert_array_equal(found, expected[: found.shape[0], : found.shape[1]])


@pytest.mark.parametrize("chunks", [0, -3, (256, 0), (1, 2, 3), 2.5, "big"])
def test_wrong_chunks(aperio: Path, chunks: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="chunks must be"):
        open_zarr(aperio, chunks=chunks)
    with pytest.raises((TypeError, ValueError), match="chunks must be"):
        to_dask(aperio, chunks=chunks)


def test_metadata_tells_where_pixels_are(aperio: Path) -> None:
    group = open_zarr(aperio)
    ome = group.attrs["ome"]
    assert ome["version"] == "0.5"
    [multiscale] = ome["multiscales"]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [
        None,
        "micrometer",
        "micrometer",
    ]
    with openslide.OpenSlide(aperio) as slide:
        downsamples = slide.level_downsamples
    for level, (dataset, downsample) in enumerate(
        zip(multiscale["datasets"], downsamples, strict=True)
    ):
        scale, translation = dataset["coordinateTransformations"]
        assert scale["scale"] == pytest.approx([1, MPP * downsample, MPP * downsample])
        # The centre of the first pixel, as seen from that of level 0.
        offset = MPP * (downsample - 1) / 2
        assert translation["translation"] == pytest.approx([0, offset, offset])
        assert dataset["path"] == f"{level}/image"
        places = group[f"{level}/x"][:]
        assert places[:2] == pytest.approx([offset, offset + MPP * downsample])
        assert len(places) == group[dataset["path"]].shape[2]


def test_a_slide_without_a_resolution_is_in_pixels(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (70, 50), "red").save(path)
    group = open_zarr(path)
    [multiscale] = group.attrs["ome"]["multiscales"]
    assert all("unit" not in axis for axis in multiscale["axes"])
    [scale, _] = multiscale["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1, 1, 1]
    assert group["0/image"][:, 49, 69].tolist() == [255, 0, 0]


def test_nothing_of_the_machine_is_told(aperio: Path) -> None:
    told = str(open_zarr(aperio).attrs.asdict())
    assert aperio.name in told
    assert str(aperio.parent) not in told


def test_groups_and_arrays_are_pickled_by_path(aperio: Path) -> None:
    group = open_zarr(aperio, chunks=300)
    dumped = pickle.dumps((group, group["1/image"]))
    assert len(dumped) < 10_000
    again, image = pickle.loads(dumped)
    assert again["0/image"].chunks == (3, 300, 300)
    np.testing.assert_array_equal(image[:], group["1/image"][:])


def test_a_view_is_read_only(aperio: Path) -> None:
    image = open_zarr(aperio)["0/image"]
    with pytest.raises(ValueError, match=r"read-only|read only"):
        image[:, :5, :5] = 0


def test_errors_are_those_of_opening(tmp_path: Path) -> None:
    for view in (open_zarr, to_dask):
        with pytest.raises(OpenSlideUnsupportedFormatError, match=r"none\.svs"):
            view(tmp_path / "none.svs")


def test_damage_is_an_error_not_a_blank(aperio: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.svs"
    shutil.copy(aperio, damaged)
    blank_tile(damaged, 0)
    image = open_zarr(damaged)["0/image"]
    with pytest.raises(openslide.OpenSlideError):
        image[:, :10, :10]
    # What is sound can be read all the same.
    assert image[:, -10:, -10:].shape == (3, 10, 10)
    with pytest.raises(openslide.OpenSlideError):
        to_dask(damaged)[:10, :10].compute()


def test_a_slide_in_the_place_of_another(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path = tmp_path / "slide.svs"
    shutil.copy(slides["aperio-jpeg"].path, path)
    first = open_zarr(path)["0/image"][:, :50, :50]
    path.unlink()
    shutil.copy(slides["generic"].path, path)
    os.utime(path, ns=(1, 1))
    second = open_zarr(path)["0/image"]
    with openslide.OpenSlide(path) as slide:
        expected = slide.read_array((0, 0), 0, (50, 50)).transpose(2, 0, 1)
    np.testing.assert_array_equal(second[:, :50, :50], expected)
    assert first.shape == (3, 50, 50)


# What reads Zarr


def test_url(aperio: Path) -> None:
    group = zarr.open_group(url(aperio), mode="r")
    np.testing.assert_array_equal(group["1/image"][:], open_zarr(aperio)["1/image"][:])
    with pytest.raises(FileNotFoundError):
        zarr.open_group(url(aperio.with_name("none.svs")), mode="r")


def test_files(aperio: Path) -> None:
    files = fsspec.filesystem("slide")
    root = str(aperio)
    assert files.isdir(root)
    assert files.isdir(url(aperio))
    names = [Path(name).name for name in files.ls(root, detail=False)]
    assert names[:2] == ["zarr.json", "0"]
    assert files.ls(f"{root}/0/image/c/0/0")[0]["type"] == "file"
    chunk = f"{root}/0/image/c/0/0/1"
    assert files.info(chunk)["size"] == len(files.cat(chunk))
    assert files.cat_file(chunk, 10, 30) == files.cat(chunk)[10:30]
    places = f"{root}/1/x/c/0"
    assert files.info(places)["size"] == len(files.cat(places))
    with pytest.raises(NotADirectoryError):
        files.ls(chunk)
    with pytest.raises(IsADirectoryError):
        files.cat_file(f"{root}/0")


@pytest.mark.parametrize(
    "name",
    ["9", "0/photo", "0/image/c/1/0/0", "0/image/c/0/0/00", "0/image/c/0/0/0/0",
     "0/image/c/0/-1/0", "0/image/c/0/0/9999", "0/x/c/1", "0/image/zarr.json/c", ".zgroup"],
)  # fmt: skip
def test_files_that_are_not_there(aperio: Path, name: str) -> None:
    files = fsspec.filesystem("slide")
    assert not files.exists(f"{aperio}/{name}")
    with pytest.raises(FileNotFoundError):
        files.cat_file(f"{aperio}/{name}")


def test_xarray(aperio: Path) -> None:
    xarray = pytest.importorskip("xarray")
    tree = xarray.open_datatree(url(aperio), engine="zarr", chunks={})
    image = tree["1/image"]
    assert image.dims == ("c", "y", "x")
    with openslide.OpenSlide(aperio) as slide:
        downsample = slide.level_downsamples[1]
    assert float(image.x[1] - image.x[0]) == pytest.approx(MPP * downsample)
    part = image.sel(x=slice(0, 20 * MPP * downsample)).isel(y=slice(0, 10))
    np.testing.assert_array_equal(
        part.values, open_zarr(aperio)["1/image"][:, :10, : part.sizes["x"]]
    )


def test_ome_zarr(path: Path) -> None:
    reader = pytest.importorskip("ome_zarr.reader")
    io = pytest.importorskip("ome_zarr.io")
    models = pytest.importorskip("ome_zarr_models.v05.image")
    group = open_zarr(path)
    models.Image.from_zarr(group)
    [node] = reader.Reader(io.ZarrLocation(group.store))()
    smallest = node.data[-1].compute()
    np.testing.assert_array_equal(smallest, group[f"{len(node.data) - 1}/image"][:])
    assert node.metadata["channel_names"] == ["red", "green", "blue"]


def test_napari(aperio: Path) -> None:
    plugin = pytest.importorskip("napari_ome_zarr")
    [layer, *_] = plugin.napari_get_reader(url(aperio))(url(aperio))
    assert layer[0][0].shape == open_zarr(aperio)["0/image"].shape


# Dask


def test_dask_has_the_pixels_of_the_slide(path: Path) -> None:
    with openslide.open_slide(path) as slide:
        level = slide.level_count - 1
        for number in {0, level}:
            whole = to_dask(path, level=number)
            width, height = slide.level_dimensions[number]
            assert whole.shape == (height, width, 3)
            assert whole.dtype == np.uint8
        part = to_dask(path, level=level, chunks=20)
        size = min(15, width - 5), min(12, height)
        expected = slide.read_array((5, 0), level, size, coordinates="level")
    found = part[: size[1], 5 : 5 + size[0]].compute()
    np.testing.assert_array_equal(found, expected)


def test_dask_blocks(aperio: Path) -> None:
    blocks = to_dask(aperio, chunks=(500, 300))
    assert blocks.chunks[0][0] == 300
    assert blocks.chunks[1][0] == 500
    with openslide.OpenSlide(aperio) as slide:
        whole = slide.read_array((0, 0), 0, slide.dimensions)
    np.testing.assert_array_equal(blocks.compute(), whole)
    assert float(blocks.mean().compute()) == pytest.approx(float(whole.mean()))
    assert len(pickle.dumps(blocks)) < 20_000


def test_dask_of_a_level_that_is_none(aperio: Path) -> None:
    with pytest.raises(ValueError, match="level"):
        to_dask(aperio, level=99)
