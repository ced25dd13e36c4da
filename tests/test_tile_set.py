"""TileSet: the tiles of many slides as one sequence."""

from __future__ import annotations

import csv
import gc
import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import openslide
from openslide.tiles import SlideSource, TileGrid, TileSet
from tests.slides import SlideFacts

SIDE = 128

#: Slides of 7, 5 and 6 tiles, shuffled by seed 1.
SHUFFLED = [0, 0, 1, 2, 1, 2, 1, 0, 2, 1, 0, 1, 0, 0, 2, 2, 0, 2]


@pytest.fixture
def paths(slides: Mapping[str, SlideFacts], tmp_path: Path) -> list[str]:
    """Nine slides of three files."""
    names = ["aperio-jpeg", "aperio-gt450", "aperio-scanscope"]
    files = [slides[name].path for name in names]
    links = []
    for i in range(9):
        link = tmp_path / f"slide-{i}{Path(files[i % 3]).suffix}"
        link.symlink_to(files[i % 3])
        links.append(str(link))
    return links


@pytest.fixture
def tiles(paths: list[str]) -> Iterator[TileSet]:
    with TileSet(paths, SIDE, level=1, open_slides=2) as tiles:
        yield tiles


def which(tiles: TileSet) -> list[tuple[str, tuple[int, int]]]:
    """Which tiles there are, in their order."""
    batch = tiles.read()
    return list(zip(batch.slides, map(tuple, batch.cells.tolist()), strict=True))


# What tiles there are, and what they show


def test_has_the_tiles_of_all_grids(tiles: TileSet, paths: list[str]) -> None:
    assert tiles.slides == tuple(paths)
    number = 0
    for path in paths[:3]:
        with TileGrid(path, SIDE, level=1) as grid:
            for expected, found in zip(grid, tiles[number : number + 50], strict=False):
                assert found.slide == path
                np.testing.assert_array_equal(found.pixels, expected.pixels)
                assert found.cell == expected.cell
                assert found.box == pytest.approx(expected.box)
                assert found.microns == pytest.approx(expected.microns)
            number += len(grid)
    assert len(tiles) == 3 * number
    assert tiles.slide_numbers[[0, -1]].tolist() == [0, 8]


@pytest.mark.parametrize("options", [{"mpp": 1.3}, {"mode": "RGBA", "overlap": 7}])
def test_cuts_as_grids_do(
    slides: Mapping[str, SlideFacts], options: dict[str, Any]
) -> None:
    path = slides["leica"].path  # its bounds lie within
    with TileGrid(path, 100, min_tissue=0.4, **options) as grid:
        batch = TileSet([path], 100, min_tissue=0.4, **options).read()
        assert len(grid) > 0
        np.testing.assert_array_equal(batch.pixels, grid.read())
        np.testing.assert_array_equal(batch.cells, grid.cells)
        np.testing.assert_allclose(batch.boxes, grid.boxes)
        np.testing.assert_allclose(batch.microns, grid.micron_boxes)


@pytest.mark.parametrize("workers", [1, 3])
def test_slides_of_all_kinds_are_read_together(
    slides: Mapping[str, SlideFacts], tmp_path: Path, workers: int
) -> None:
    """Levels as they are, resampled by different scales, and a picture by Pillow."""
    picture = tmp_path / "picture.png"
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as slide:
        slide.read_region((0, 0), 0, (300, 200)).save(picture)
    resolutions = {"aperio-jpeg": 1.0, "aperio-gt450": 0.5, "leica": 0.7}
    sources = [SlideSource(slides[k].path, None, mpp) for k, mpp in resolutions.items()]
    sources.append(SlideSource(picture, None, 0.9))
    tiles = TileSet(sources, 60, mpp=1.0)
    batches = list(tiles.shuffled(1).batches(7, workers=workers, prefetch=3))
    expected = {}
    for source in sources:
        assert source.slide_mpp is not None
        with TileGrid(source.slide, 60, mpp=1.0, slide_mpp=source.slide_mpp) as grid:
            for tile in grid:
                expected[str(source.slide), tile.cell] = tile.pixels
    for batch in batches:
        for path, cell, pixels in zip(
            batch.slides, batch.cells.tolist(), batch.pixels, strict=True
        ):
            np.testing.assert_array_equal(pixels, expected.pop((path, tuple(cell))))
    assert not expected


def test_reads_any_tiles_in_their_order(tiles: TileSet) -> None:
    numbers = [5, -1, 0, 70, 5, 6, 7]
    batch = tiles.read(numbers)
    for i, number in enumerate(numbers):
        tile = tiles[number]
        np.testing.assert_array_equal(batch.pixels[i], tile.pixels)
        assert (batch.slides[i], tuple(batch.cells[i])) == (tile.slide, tile.cell)
    assert batch.good.all()
    assert tiles.read([]).pixels.shape == (0, SIDE, SIDE, 3)
    for wrong in (len(tiles), -len(tiles) - 1):
        with pytest.raises(IndexError, match=str(wrong)):
            tiles[wrong]
    with pytest.raises(TypeError, match="numbers"):
        tiles.read([0.5])  # type: ignore[list-item]


def test_is_a_sequence(tiles: TileSet) -> None:
    part = tiles[3:40:5]
    assert [(t.slide, t.cell) for t in part] == which(part)
    assert which(part) == which(tiles)[3:40:5]
    assert which(part[::-1]) == which(tiles)[3:40:5][::-1]
    assert which(tiles.only([4, 2])[1:]) == [which(tiles)[2]]
    of_one = tiles.only(tiles.slide_numbers == 4)
    assert {slide for slide, _ in which(of_one)} == {tiles.slides[4]}


# Orders


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    seed=st.integers(),
    at_once=st.none() | st.integers(1, 7),
)
@settings(max_examples=30)
def test_shuffling_permutes(
    lengths: list[int],
    seed: int,
    at_once: int | None,
    pictures: Callable[[list[int]], list[str]],
) -> None:
    tiles = TileSet(pictures(lengths), 1)
    shuffled = tiles.shuffled(seed, slides_at_once=at_once)
    numbers = shuffled.slide_numbers
    assert np.bincount(numbers).tolist() == lengths
    seen = which(shuffled)
    assert sorted(seen) == sorted(which(tiles))
    again = tiles.shuffled(seed, slides_at_once=at_once)
    assert which(again[len(tiles) // 2 :]) == seen[len(tiles) // 2 :]


@pytest.fixture(scope="module")
def pictures(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[list[int]], list[str]]:
    """Pictures of so many pixels in a row."""
    folder = tmp_path_factory.mktemp("pictures")

    def written(lengths: list[int]) -> list[str]:
        paths = [folder / f"{i}-{length}.png" for i, length in enumerate(lengths)]
        for path, length in zip(paths, lengths, strict=True):
            if not path.exists():
                Image.new("RGB", (length, 1), "navy").save(path)
        return [str(path) for path in paths]

    return written


def test_shuffling_mixes_slides_and_is_the_same_everywhere(
    pictures: Callable[[list[int]], list[str]],
) -> None:
    tiles = TileSet(pictures([7, 5, 6]), 1)
    assert tiles.shuffled(1).slide_numbers.tolist() == SHUFFLED
    assert which(tiles.shuffled(1)) != which(tiles.shuffled(2))
    assert which(tiles.shuffled(1).shuffled(1)) != which(tiles.shuffled(1))


def test_shuffling_mixes_well(pictures: Callable[[list[int]], list[str]]) -> None:
    """Each tile comes at each place as often as others."""
    tiles = TileSet(pictures([5]), 1)
    counts = np.zeros((5, 5), int)
    for seed in range(500):
        order = tiles.shuffled(seed).numbers
        counts[np.arange(5), order] += 1
    assert counts.min() > 60
    assert counts.max() < 145


def test_a_few_slides_at_once(pictures: Callable[[list[int]], list[str]]) -> None:
    tiles = TileSet(pictures([9] * 7), 1)
    numbers = tiles.shuffled(3, slides_at_once=2).slide_numbers
    groups = [set(numbers[i : i + 18].tolist()) for i in range(0, 63, 18)]
    assert [len(group) for group in groups] == [2, 2, 2, 1]
    assert set.union(*groups) == set(range(7))
    assert groups != [{0, 1}, {2, 3}, {4, 5}, {6}]
    assert len(set(numbers[:9].tolist())) == 2
    for part in (tiles.shard(0, 2), tiles[1:], tiles.shuffled(1)):
        with pytest.raises(ValueError, match="before shard"):
            part.shuffled(1, slides_at_once=2)
    with pytest.raises(ValueError, match="0"):
        tiles.shuffled(1, slides_at_once=0)


@pytest.mark.parametrize("world_size", [1, 3, 5, 200])
def test_shards_are_all_together(
    pictures: Callable[[list[int]], list[str]], world_size: int
) -> None:
    tiles = TileSet(pictures([40, 31]), 1).shuffled(5)
    shares = [tiles.shard(rank, world_size) for rank in range(world_size)]
    assert {len(s) for s in shares} <= {71 // world_size, -(-71 // world_size)}
    assert sorted(chain.from_iterable(map(which, shares))) == sorted(which(tiles))
    equal = [tiles.shard(rank, world_size, equal=True) for rank in range(world_size)]
    assert {len(share) for share in equal} == {71 // world_size}
    for rank in (-1, world_size):
        with pytest.raises(ValueError, match="rank"):
            tiles.shard(rank, world_size)


# Batches


@pytest.mark.parametrize("prefetch", [0, 1, 3, None])
@pytest.mark.parametrize("workers", [1, 3])
def test_batches(tiles: TileSet, prefetch: int | None, workers: int) -> None:
    mixed = tiles.shuffled(4)
    batches = list(mixed.batches(13, workers=workers, prefetch=prefetch))
    assert len(batches) == len(mixed.batches(13)) == -(-len(mixed) // 13)
    expected = mixed.read()
    together = np.concatenate([batch.pixels for batch in batches])
    np.testing.assert_array_equal(together, expected.pixels)
    of = [slide for batch in batches for slide in batch.slides]
    assert of == expected.slides
    whole = mixed.batches(13, drop_last=True)
    assert [len(batch.pixels) for batch in whole] == [13] * len(whole)
    assert len(whole) == len(mixed) // 13


def test_batches_go_on(tiles: TileSet) -> None:
    mixed = tiles.shuffled(4).shard(1, 2)
    expected = [batch.pixels for batch in mixed.batches(10)]
    begun = mixed.batches(10, prefetch=2)
    for _ in range(2):
        next(begun)
    state = json.loads(json.dumps(begun.state_dict()))
    begun.close()
    copy = pickle.loads(pickle.dumps(mixed))
    left = copy.batches(10, workers=1)
    left.load_state_dict(state)
    found = list(left)
    assert len(found) == len(expected) - 2
    for batch, pixels in zip(found, expected[2:], strict=True):
        np.testing.assert_array_equal(batch.pixels, pixels)
    left.load_state_dict(left.state_dict())
    assert list(left) == []


def test_states_of_others_are_refused(tiles: TileSet) -> None:
    state = tiles.shuffled(4).batches(10).state_dict()
    others = (tiles, tiles.shuffled(5), tiles.shuffled(4).shard(0, 2))
    for other in others:
        with pytest.raises(ValueError, match="same seed"):
            other.batches(10).load_state_dict(state)
    batches = tiles.shuffled(4).batches(5)  # another size of batches will do
    batches.load_state_dict(state)
    for wrong in ({}, state | {"position": "1"}):
        with pytest.raises(ValueError, match="no state"):
            batches.load_state_dict(wrong)
    with pytest.raises(ValueError, match="position"):
        batches.load_state_dict(state | {"position": -1})


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 1, "prefetch": -1}])
def test_wrong_batches(tiles: TileSet, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"batch|prefetch"):
        tiles.batches(**arguments)


def test_a_set_where_it_was_moved_is_the_same(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path = slides["aperio-jpeg"].path
    (tmp_path / path.name).symlink_to(path)
    here, there = TileSet([path], SIDE), TileSet([tmp_path / path.name], SIDE)
    assert here.fingerprint == there.fingerprint
    assert here.fingerprint != TileSet([path], SIDE, level=1).fingerprint


def test_a_fingerprint_tells_orders_apart(tiles: TileSet) -> None:
    def orders() -> list[TileSet]:
        return [
            tiles,
            *(tiles.shuffled(seed) for seed in (1, 2)),
            *(tiles.shuffled(1, slides_at_once=number) for number in (1, 2)),
            *(tiles.only(numbers) for numbers in ([3, 4], [4, 3], range(len(tiles)))),
        ]

    found = [each.fingerprint for each in orders()]
    assert len(set(found)) == len(found)
    assert [each.fingerprint for each in orders()] == found


# Slides that are open


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc here")
def test_few_slides_are_open_however_many_there_are(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    links = []
    for i in range(120):
        links.append(tmp_path / f"{i}.svs")
        links[-1].symlink_to(slides["aperio-jpeg"].path)

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    gc.collect()  # what earlier tests have left
    before = descriptors()
    tiles = TileSet(links, SIDE, level=2, open_slides=3).shuffled(1)
    assert descriptors() == before
    with openslide.OpenSlide(links[0]) as slide:
        slide.read_region((0, 0), 2, (9, 9))
        of_one = descriptors() - before
    most = 0
    for batch in tiles.batches(16, workers=2):
        assert batch.good.all()
        most = max(most, descriptors() - before)
    # Those that stay, and those that two threads read.
    assert 0 < most <= (3 + 2) * of_one
    tiles.close()
    assert descriptors() == before
    assert tiles[0].pixels.shape == (SIDE, SIDE, 3)  # opened again


def test_threads_share_a_set(tiles: TileSet) -> None:
    mixed = tiles.shuffled(9)[:60]
    expected = mixed.read().pixels
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: mixed[i].pixels, range(len(mixed))))
    np.testing.assert_array_equal(found, expected)


def test_a_slide_that_became_another_is_told(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path = tmp_path / "slide.svs"
    path.symlink_to(slides["aperio-jpeg"].path)
    tiles = TileSet([path], SIDE)
    path.unlink()
    path.symlink_to(slides["aperio-gt450"].path)
    with pytest.raises(ValueError, match="another slide"):
        tiles[0]


# What is known of slides


def test_a_manifest_tells_masks_and_labels(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    mask = np.zeros((12, 16), np.uint8)
    mask[2:4, 3:5] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    first, second = slides["aperio-jpeg"].path, slides["aperio-gt450"].path
    rows = [
        (first, "mask.png", "0.25", "tumor", "train"),
        (second, "", "", "normal", "test"),
    ]
    with open(tmp_path / "slides.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["slide", "mask", "slide_mpp", "label", "split"])
        writer.writerows(rows)
    tiles = TileSet.from_manifest(tmp_path / "slides.csv", SIDE)
    masked = tiles.only(tiles.slide_numbers == 0).read()
    assert masked.cells.tolist() == [[3, 2], [4, 2], [3, 3], [4, 3]]
    assert masked.slide_labels == ["tumor"] * 4
    assert masked.columns[0] == {"label": "tumor", "split": "train"}
    assert masked.microns[0].tolist() == [96, 64, 32, 32]
    assert set(tiles.slide_labels) == {"tumor", "normal"}
    train = TileSet.from_manifest(
        tmp_path / "slides.csv", SIDE, where={"split": "train"}
    )
    assert (len(train), train[0].slide_label) == (4, "tumor")
    for where, reason in (({"split": "x"}, "no slide"), ({"fold": "1"}, "no column")):
        with pytest.raises(ValueError, match=reason):
            TileSet.from_manifest(tmp_path / "slides.csv", SIDE, where=where)


def polygon(name: str, x: int, side: int) -> dict[str, Any]:
    ring = [[x, 0], [x + side, 0], [x + side, side], [x, side], [x, 0]]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"classification": {"name": name}},
    }


def test_tiles_have_the_classes_of_all_masks(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    sources = []
    for slide, names in (("aperio-jpeg", "AB"), ("aperio-gt450", "BC")):
        path = tmp_path / f"{slide}.geojson"
        shapes = [polygon(name, i * SIDE, SIDE) for i, name in enumerate(names)]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": shapes}))
        sources.append(SlideSource(slides[slide].path, path))
    sources.append(SlideSource(slides["aperio-scanscope"].path))
    tiles = TileSet(sources, SIDE)
    assert tiles.classes == ("A", "B", "C")
    assert tiles.labels[:5] == ["A", "B", "B", "C", ""]
    assert tiles[2].shares == {"A": 0, "B": 1, "C": 0}
    assert tiles[2].label == "B"
    assert tiles.read([3]).shares.tolist() == [[0, 0, 1]]


# What fails


def test_slides_that_cannot_be_cut(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    good = slides["aperio-jpeg"].path
    bad = tmp_path / "bad.svs"
    bad.write_bytes(good.read_bytes()[:999])
    with pytest.raises(ValueError, match=r"1 of 2 slides .*bad\.svs"):
        TileSet([good, bad], SIDE)
    with pytest.warns(UserWarning, match=r"left out: .*bad\.svs"):
        tiles = TileSet([bad, good], SIDE, on_error="skip")
    assert tiles.slides == (str(good),)
    assert [path for path, _ in tiles.failures] == [str(bad)]
    assert tiles[0].slide == str(good)
    with pytest.raises(ValueError, match="none of 1"):
        TileSet([bad], SIDE, on_error="skip")


def test_damaged_tiles(slides: Mapping[str, SlideFacts], tmp_path: Path) -> None:
    good, path = slides["aperio-jpeg"].path, tmp_path / "damaged.svs"
    data = bytearray(good.read_bytes())
    tiles = TileSet([good], SIDE)
    middle = len(data) // 3
    data[middle : middle + 20000] = bytes(20000)
    path.write_bytes(data)
    damaged = TileSet([path, good], SIDE)
    batch = damaged.shuffled(1).read(errors="mask")
    assert 0 < (~batch.good).sum() < len(tiles)
    assert {batch.slides[i] for i in np.flatnonzero(~batch.good)} == {str(path)}
    with pytest.raises(openslide.OpenSlideError):
        for _ in damaged.batches(16):
            pass
    damaged[len(tiles)]  # others are read all the same


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"open_slides": 0}, "open_slides"),
        ({"on_error": "ignore"}, "on_error"),
        ({"level": 9}, "level 9"),
    ],
)
def test_wrong_arguments(
    slides: Mapping[str, SlideFacts], arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        TileSet([slides["aperio-jpeg"].path], SIDE, **arguments)


def test_wrong_slides(slides: Mapping[str, SlideFacts]) -> None:
    path = slides["aperio-jpeg"].path
    with pytest.raises(ValueError, match="second time"):
        TileSet([path, str(path)], SIDE)
    with pytest.raises(ValueError, match="at least one"):
        TileSet([], SIDE)
    with pytest.raises(TypeError, match="several"):
        TileSet(str(path), SIDE)


# Worker processes


@pytest.mark.parametrize("method", ["fork", "spawn", "torch-fork", "torch-spawn"])
def test_a_set_is_a_dataset(
    run_isolated: Callable[..., str], paths: list[str], method: str
) -> None:
    if "fork" in method and not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    if "torch" in method:
        pytest.importorskip("torch")
    run_isolated("set_data_loader", method, *paths)
