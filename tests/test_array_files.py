"""Slides written as Zarr stores, and as references to their own tiles."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import openslide
from openslide.cli import main
from openslide.output.lock import BusyError
from tests.slides import SlideFacts
from tests.slides.stored import blank_tile

fsspec = pytest.importorskip("fsspec")
zarr: Any = pytest.importorskip("zarr")

from openslide.array import (  # noqa: E402
    open_zarr,
    references,
)
from openslide.array.store import Damaged, StoreSummary, write_store  # noqa: E402


class Told:
    """A report that remembers."""

    def __init__(self) -> None:
        self.expected = self.done = self.advanced = 0

    def expect(self, tiles: int, *, done: int = 0) -> None:
        self.expected += tiles
        self.done += done

    def tell(self, line: str) -> None:
        pass

    def finish(self, what: str) -> None:
        pass

    def advance(self, tiles: int) -> None:
        self.advanced += tiles


def convert(path: Path, out: Path, **options: Any) -> tuple[StoreSummary, Told]:
    told = Told()
    given: dict[str, Any] = {"chunks": 100, "threads": 2, "resume": False, **options}
    with openslide.OpenSlide(path, on_error="reopen") as slide:
        return write_store(slide, path, out, report=told, **given), told


def write_references(path: Path, out: Path) -> references.ReferenceSummary:
    with openslide.open_slide(path) as slide:
        return references.write_references(slide, path, out)


def images(group: Any) -> dict[str, Any]:
    return {name: group[f"{name}/image"][:] for name in group.group_keys()}


def assert_same(found: Any, expected: Any) -> None:
    assert sorted(found.group_keys()) == sorted(expected.group_keys())
    for name, pixels in images(expected).items():
        np.testing.assert_array_equal(found[f"{name}/image"][:], pixels)
        for axis in ("x", "y"):
            centres = expected[f"{name}/{axis}"][:]
            np.testing.assert_array_equal(found[f"{name}/{axis}"][:], centres)


# Stores


@pytest.mark.parametrize("name", ["aperio-jpeg", "leica", "generic-sparse"])
def test_store_is_what_the_view_shows(
    slides: Mapping[str, SlideFacts], tmp_path: Path, name: str
) -> None:
    path, out = slides[name].path, tmp_path / "deep" / "slide.ome.zarr"
    summary, told = convert(path, out, chunks=None)
    assert summary.damaged == []
    assert told.expected == told.advanced == summary.chunks
    view, store = open_zarr(path), zarr.open_group(out, mode="r")
    assert_same(store, view)
    assert store.attrs["ome"] == view.attrs["ome"]
    assert store["0/image"].shards is not None
    names = sorted(entry.name for entry in out.parent.iterdir())
    assert names == ["slide.ome.zarr", "slide.ome.zarr.json"]


def test_store_is_begun_once(slides: Mapping[str, SlideFacts], tmp_path: Path) -> None:
    path, out = slides["aperio-jpeg"].path, tmp_path / "slide.zarr"
    first, _ = convert(path, out)
    with pytest.raises(FileExistsError, match="--resume"):
        convert(path, out)
    again, told = convert(path, out, resume=True)
    assert again == first
    assert (told.done, told.advanced) == (first.chunks, 0)
    with pytest.raises(ValueError, match="chunks"):
        convert(path, out, resume=True, chunks=200)


def test_store_does_not_replace_what_is_there(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    out = tmp_path / "slide.zarr"
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(FileExistsError, match=r"slide\.zarr"):
        convert(slides["aperio-jpeg"].path, out)
    assert [entry.name for entry in out.iterdir()] == ["mine"]


class StoppedError(Exception):
    pass


class StopsAfter(Told):
    """A report that ends the work in its middle, as Ctrl-C does."""

    def __init__(self, shards: int) -> None:
        super().__init__()
        self._left = shards

    def tell(self, line: str) -> None:
        pass

    def finish(self, what: str) -> None:
        pass

    def advance(self, tiles: int) -> None:
        super().advance(tiles)
        self._left -= 1
        if self._left == 0:
            raise StoppedError


def test_store_is_gone_on_with(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path, out = slides["aperio-scanscope"].path, tmp_path / "slide.zarr"
    options: dict[str, Any] = {"chunks": 40, "threads": 1}
    with openslide.OpenSlide(path) as slide, pytest.raises(StoppedError):
        write_store(slide, path, out, resume=False, report=StopsAfter(1), **options)
    assert not out.exists()
    [folder] = [e for e in tmp_path.iterdir() if e.name.startswith(".slide")]
    # What a kill leaves of a shard that was being written.
    (folder / "store.zarr" / "0" / "image" / "abc.partial").write_bytes(b"half")
    summary, told = convert(path, out, resume=True, **options)
    assert 0 < told.done < summary.chunks
    assert told.done + told.advanced == summary.chunks
    assert_same(zarr.open_group(out, mode="r"), open_zarr(path, chunks=40))
    assert not list(out.rglob("*.partial"))
    assert not folder.exists()


def test_what_was_removed_is_made_again(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path, out = slides["aperio-scanscope"].path, tmp_path / "slide.zarr"
    first, _ = convert(path, out, chunks=40)
    lost = out / "0" / "image" / "c" / "0" / "0" / "0"
    lost.unlink()
    again, told = convert(path, out, chunks=40, resume=True)
    assert again == first
    assert 0 < told.advanced < first.chunks
    assert_same(zarr.open_group(out, mode="r"), open_zarr(path, chunks=40))
    shutil.rmtree(out)
    _, told = convert(path, out, chunks=40, resume=True)
    assert told.advanced == first.chunks
    assert_same(zarr.open_group(out, mode="r"), open_zarr(path, chunks=40))


def test_black_is_written_too(tmp_path: Path) -> None:
    path, out = tmp_path / "black.png", tmp_path / "black.zarr"
    Image.new("RGB", (90, 70)).save(path)
    assert main(["convert", str(path), "-o", str(out), "--chunks=30"]) == 0
    assert not zarr.open_group(out, mode="r")["0/image"][:].any()


def test_damage_is_listed(slides: Mapping[str, SlideFacts], tmp_path: Path) -> None:
    path, out = tmp_path / "damaged.svs", tmp_path / "slide.zarr"
    shutil.copy(slides["aperio-jpeg"].path, path)
    blank_tile(path, 0)
    summary, _ = convert(path, out, chunks=None)
    assert summary.damaged == [Damaged(0, 0, 0)]
    assert json.loads((tmp_path / "slide.zarr.json").read_text())["damaged"] == [
        [0, 0, 0]
    ]
    image: Any = zarr.open_group(out, mode="r")["0/image"]
    assert (image[:, :10, :10] == 255).all()
    with openslide.OpenSlide(path, on_error="reopen") as slide:
        width, _ = slide.dimensions
        expected = slide.read_array((width - 50, 0), 0, (50, 40))
    np.testing.assert_array_equal(image[:, :40, -50:].transpose(1, 2, 0), expected)
    # What is there stays damaged where something else is made again.
    (out / "1" / "image" / "c" / "0" / "0" / "0").unlink()
    again, told = convert(path, out, chunks=None, resume=True)
    assert again == summary
    assert 0 < told.advanced < summary.chunks


def test_two_runs_keep_out_of_each_others_way(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path, out = slides["aperio-jpeg"].path, tmp_path / "slide.zarr"

    class Another(Told):
        def advance(self, tiles: int) -> None:
            with pytest.raises(BusyError):
                convert(path, out, resume=True)
            super().advance(tiles)

    told = Another()
    with openslide.OpenSlide(path) as slide:
        write_store(slide, path, out, chunks=None, threads=1, resume=False, report=told)
    assert told.advanced > 0


# References

#: Formats whose tiles stand by themselves; of GT450 each is a whole JPEG, the others
#: have tables in the directory.
NATIVE = [
    *("aperio-jpeg", "aperio-gt450", "aperio-scanscope", "aperio-hole", "aperio-at2"),
    *("philips", "philips-1-1", "dicom-jpeg", "dicom-gt450", "dicom-sparse"),
    *("generic-vips", "ventana-tif", "huron", "argos"),
]


def open_references(document: Path) -> Any:
    files = fsspec.filesystem(
        "reference",
        fo=str(document),
        asynchronous=True,
        remote_protocol="file",
        remote_options={"asynchronous": True},
        skip_instance_cache=True,
    )
    store = zarr.storage.FsspecStore(files, read_only=True, path="")
    return zarr.open_group(store, mode="r")


@pytest.mark.requires_direct_reads
@pytest.mark.parametrize("name", NATIVE)
def test_references_show_the_pixels_of_the_slide(
    slides: Mapping[str, SlideFacts], tmp_path: Path, name: str
) -> None:
    path, document = slides[name].path, tmp_path / "deep" / "slide.json"
    summary = write_references(path, document)
    assert 0 in summary.levels
    group = open_references(document)
    view: Any = open_zarr(path)
    for level in summary.levels:
        found, expected = (g[f"{level}/image"][:] for g in (group, view))
        np.testing.assert_array_equal(found, expected)
    kept = {
        dataset["path"] for dataset in group.attrs["ome"]["multiscales"][0]["datasets"]
    }
    assert kept == {f"{level}/image" for level in summary.levels}
    assert summary.levels + list(summary.left_out) == list(range(len(images(view))))


@pytest.mark.requires_direct_reads
def test_references_refer_to_the_file(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path, document = slides["aperio-jpeg"].path, tmp_path / "slide.json"
    summary = write_references(path, document)
    content = json.loads(document.read_text())
    [(name, url)] = content["templates"].items()
    assert url == f"file://{path}"
    chunks = [ref for ref in content["refs"].values() if isinstance(ref, list)]
    assert len(chunks) == summary.tiles
    assert {ref[0] for ref in chunks} == {"{{" + name + "}}"}
    stored = path.read_bytes()
    _, offset, length = chunks[0]
    assert stored[offset : offset + 2] == b"\xff\xd8"
    assert length < 100_000


def test_references_to_what_is_no_grid_of_jpeg(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    document = tmp_path / "slide.json"
    with pytest.raises(ValueError, match="without --virtual"):
        write_references(slides["zeiss-raw"].path, document)
    assert not document.exists()


@pytest.mark.requires_direct_reads
def test_a_damaged_tile_is_an_error(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path, document = tmp_path / "slide.svs", tmp_path / "slide.json"
    shutil.copy(slides["aperio-jpeg"].path, path)
    write_references(path, document)
    blank_tile(path, 0)
    image = open_references(document)["0/image"]
    with pytest.raises(ValueError, match="JPEG"):
        image[:, :10, :10]
    assert image[:, -10:, -10:].shape == (3, 10, 10)


@pytest.mark.requires_direct_reads
def test_references_are_read_only(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    from openslide.array.codec import StoredJpeg

    with openslide.OpenSlide(slides["aperio-jpeg"].path) as slide:
        codec = StoredJpeg.of(slide.native_tiles(0))
    assert StoredJpeg.from_dict(codec.to_dict()) == codec
    with pytest.raises(NotImplementedError, match="read only"):
        zarr.create_array(
            zarr.storage.MemoryStore(),
            data=np.ones((codec.size[1], codec.size[0], 3), np.uint8),
            chunks=(codec.size[1], codec.size[0], 3),
            serializer=codec,
            compressors=None,
        )
    wrong: Any
    for wrong in [{}, {"configuration": {"tables": "?", "size": [1, 2], "rgb": True}}]:
        with pytest.raises(ValueError, match=r"openslide\.jpeg"):
            StoredJpeg.from_dict(wrong)


# The command


@pytest.mark.requires_direct_reads
def test_command(
    slides: Mapping[str, SlideFacts],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, document = slides["aperio-gt450"].path, tmp_path / "slide.json"
    assert main(["convert", str(path), "-o", str(document), "--virtual"]) == 0
    assert "tiles of level 0" in capsys.readouterr().err
    assert document.exists()
    store = tmp_path / "slide.ome.zarr"
    assert main(["convert", str(path), "-o", str(store)]) == 0
    assert f"chunks in {store}" in capsys.readouterr().err
    assert main(["convert", str(path), "-o", str(store)]) == 1
    assert "--resume" in capsys.readouterr().err
    assert main(["convert", str(path), "-o", str(store), "--resume"]) == 0
    missing = tmp_path / "none.svs"
    assert main(["convert", str(missing), "-o", str(store)]) == 1
    assert str(missing) in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["-o", "OUT.zarr"], ["--virtual", "-o", "OUT.json"], ["open"]]
)
def test_without_zarr(
    slides: Mapping[str, SlideFacts],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
) -> None:
    """What to install is said, and nothing is begun."""
    monkeypatch.setitem(sys.modules, "zarr", None)
    monkeypatch.chdir(tmp_path)
    path = slides["aperio-jpeg"].path
    if options == ["open"]:
        with pytest.raises(ImportError) as caught:
            open_zarr(shutil.copy(path, tmp_path / "new.svs"))
        told = str(caught.value)
        (tmp_path / "new.svs").unlink()
    else:
        assert main(["convert", str(path), *options]) == 1
        told = capsys.readouterr().err
    assert "Zarr stores need zarr; install it with" in told
    assert "`pip install openslide-native[zarr]`" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["out.json"], ["out.zarr", "--virtual"], ["out.xyz"], ["out.zarr", "--quality=5"],
     ["out.tiff", "--chunks=100"], ["out.json", "--virtual", "--resume"]],
)  # fmt: skip
def test_what_does_not_go_together(
    slides: Mapping[str, SlideFacts], tmp_path: Path, arguments: list[str]
) -> None:
    output, *rest = arguments
    path = str(slides["aperio-gt450"].path)
    with pytest.raises(SystemExit) as exit:
        main(["convert", path, "-o", str(tmp_path / output), *rest])
    assert exit.value.code == 2
    assert not list(tmp_path.iterdir())
