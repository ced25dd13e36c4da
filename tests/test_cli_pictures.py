"""The commands that save pictures: openslide thumbnail, region and associated."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from openslide import ImageSlide, OpenSlide, _color, open_slide
from openslide._images import flatten
from openslide.cli import main
from openslide.tiles import TileGrid
from tests.slides import SlideFacts, reference, write_aperio, write_generic
from tests.slides.content import icc_profile, swapped_profile
from tests.slides.stored import blank, blank_tile, stored_label

TISSUE = reference()[950:1020, 800:900]  # 100 x 70 pixels
REGION = ("--location", "8", "12", "--size", "40", "30")

needs_profiles = pytest.mark.requires_openslide("4.0.0")
# Earlier releases find no label on the Aperio slides of tests.slides.
needs_labels = pytest.mark.requires_openslide("4.0.1")


def give_profile(path: Path, profile: bytes) -> None:
    """Replace the profile of a slide, by one of the same length."""
    contents = path.read_bytes()
    assert contents.count(icc_profile()) == 1
    path.write_bytes(contents.replace(icc_profile(), profile))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lossless slide of two levels; its profile exchanges red and blue."""
    folder = tmp_path_factory.mktemp("pictures")
    facts = write_generic(folder, image=TISSUE, encoding="lzw", tile=64, factors=(1, 2))
    give_profile(facts.path, swapped_profile())
    return facts.path


@pytest.fixture(scope="module")
def aperio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide with associated images; its profile, the thumbnail's too, is as above."""
    folder = tmp_path_factory.mktemp("pictures-aperio")
    facts = write_aperio(folder, image=reference()[950:1250, 800:1200], factors=(1, 4))
    give_profile(facts.path, swapped_profile())
    return facts.path


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def saved(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def picture(output: Path, command: str, slide: Path, *options: str) -> Image.Image:
    """The file that a command saves."""
    assert run(command, slide, *options, "-o", output) == 0
    assert sorted(output.parent.glob("*.part")) == []
    return saved(output)


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))


def encoded(image: Image.Image, format: str, **options: Any) -> Image.Image:
    file = BytesIO()
    image.save(file, format, **options)
    return saved(file)  # type: ignore[arg-type]


def as_srgb(image: Image.Image) -> Image.Image:
    """A picture converted by Pillow alone."""
    return ImageCms.profileToProfile(  # type: ignore[return-value]
        image,
        BytesIO(image.info["icc_profile"]),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that a command that fails says on standard error."""
    capsys.readouterr()
    assert run(*arguments) == 1
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("openslide: ")
    return line


def is_refused(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path, says: str
) -> None:
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    assert says in capsys.readouterr().err


# openslide thumbnail


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ((), (1024, 1024)),
        (("--size", "33"), (33, 33)),
        (("--size", "40x10"), (40, 10)),
    ],
)
def test_thumbnail(
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    size: tuple[int, int],
) -> None:
    output = tmp_path / "a" / "b" / "thumbnail.png"
    image = picture(output, "thumbnail", path, *options)
    with OpenSlide(path) as slide:
        assert same(image, slide.get_thumbnail(size))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{image.width} x {image.height} pixels in {output}\n"


@pytest.mark.parametrize("size", ["0", "-5", "big", "10x", "x10", "10x0", "1x2x3"])
def test_sizes_that_are_none(capsys: pytest.CaptureFixture[str], size: str) -> None:
    arguments = ("thumbnail", "a.svs", "-o", "a.png", f"--size={size}")
    is_refused(capsys, *arguments, says=f"invalid size value: '{size}'")


# openslide region


@pytest.mark.parametrize("level", [None, 0, 1])
def test_region(path: Path, tmp_path: Path, level: int | None) -> None:
    options = () if level is None else ("--level", str(level))
    image = picture(tmp_path / "r.png", "region", path, *REGION, *options)
    with OpenSlide(path) as slide:
        expected = slide.read_region((8, 12), level or 0, (40, 30))
    assert same(image, flatten(expected, "white"))


OUTSIDE = ("--location", "-10", "-20", "--size", "50", "60")


def test_region_with_alpha(path: Path, tmp_path: Path) -> None:
    image = picture(tmp_path / "r.png", "region", path, *OUTSIDE, "--alpha")
    with OpenSlide(path) as slide:
        expected = slide.read_region((-10, -20), 0, (50, 60))
    assert expected.getchannel("A").getextrema() == (0, 255)
    assert same(image, expected)


@pytest.mark.parametrize(
    ("options", "color"), [((), "white"), (("--background", "#0a1400"), "#0a1400")]
)
@pytest.mark.parametrize("level", ["0", "1"])
def test_region_over_a_background(
    path: Path, tmp_path: Path, options: tuple[str, ...], color: str, level: str
) -> None:
    arguments = (*OUTSIDE, "--level", level, *options)
    image = picture(tmp_path / "r.png", "region", path, *arguments)
    with OpenSlide(path) as slide:
        expected = slide.read_region((-10, -20), int(level), (50, 60))
    assert same(image, flatten(expected, color))


def test_region_over_the_slide_s_own_background(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    with OpenSlide(slides["mirax"].path) as slide:
        color = "#" + slide.properties["openslide.background-color"]
        expected = slide.read_region((-10, -20), 0, (50, 60))
    for name, options in (("r.png", ()), ("r.jpg", ("--alpha",))):
        image = picture(
            tmp_path / name, "region", slides["mirax"].path, *OUTSIDE, *options
        )
        flat = flatten(expected, color)
        assert same(
            image, flat if name == "r.png" else encoded(flat, "JPEG", quality=80)
        )


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("mpp", [0.8, 3.1, 9])
def test_region_at_a_resolution(
    slides: Mapping[str, SlideFacts], tmp_path: Path, alpha: bool, mpp: float
) -> None:
    """It is what the tile of a grid that begins there shows."""
    path = slides["aperio-jpeg"].path
    mode: Any = "RGBA" if alpha else "RGB"
    options = ("--mpp", str(mpp), *(["--alpha"] if alpha else []))
    with TileGrid(path, (50, 40), mpp=mpp, slide_mpp=0.5, mode=mode) as grid:
        tile = grid[0]
    arguments = ("--location", "0", "0", "--size", "50", "40", *options)
    image = picture(tmp_path / "r.png", "region", path, *arguments)
    assert same(image, Image.fromarray(tile.pixels))


def test_region_between_pixels(tmp_path: Path) -> None:
    """A location need not be one of the level's pixels."""
    pixels = np.ascontiguousarray(reference()[600:1100, 600:1300])
    whole = Image.fromarray(pixels)
    source = tmp_path / "source.png"
    whole.save(source)
    options = ("--mpp", "2.5", "--slide-mpp", "1")
    arguments = ("--location", "33", "57", "--size", "60", "50", *options)
    image = picture(tmp_path / "r.png", "region", source, *arguments)
    expected = whole.resize((60, 50), Image.Resampling.BICUBIC, (33, 57, 183, 182))
    assert abs(np.asarray(image, int) - np.asarray(expected, int)).max() <= 2


@pytest.mark.parametrize("mpp", ["1.97", "2", "2.03"])
def test_a_level_that_is_near_enough(
    slides: Mapping[str, SlideFacts], tmp_path: Path, mpp: str
) -> None:
    path = slides["aperio-jpeg"].path
    image = picture(tmp_path / "r.png", "region", path, *REGION, "--mpp", mpp)
    with OpenSlide(path) as slide:
        expected = slide.read_region((8, 12), 1, (40, 30))
    assert same(image, flatten(expected, "white"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--level", "0", "--mpp", "1"), "not allowed with"),
        (("--slide-mpp", "1"), "--slide-mpp goes with --mpp"),
        (("--resample", "box"), "--resample goes with --mpp"),
        (("--mpp", "1", "--resample", "nearest"), "'nearest'"),
        (("--alpha", "--background", "red"), "not allowed with"),
        (("--background", "sausage"), "'sausage'"),
        (("--size", "0", "5"), "--size"),
        (("--location", "1"), "--location"),
        (("--color", "cmyk"), "'embed', 'srgb', 'ignore'"),
        (("--quality", "0"), "invalid positive integer value"),
    ],
)
def test_wrong_options(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], reason: str
) -> None:
    arguments = ("region", "a.svs", "-o", "a.png", *REGION, *options)
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    # Python 3.12 and later leave out the quotes.
    assert reason.replace("'", "") in capsys.readouterr().err.replace("'", "")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--level", "2"), "no level 2; there are 0 to 1"),
        (("--level", "-1"), "no level -1; there are 0 to 1"),
        (("--mpp", "0.1", "--slide-mpp", "0.5"), "coarser than 0.1"),
        (("--mpp", "1", "--slide-mpp", "0"), "slide_mpp must be positive"),
        (("--mpp", "nan"), "mpp must be positive"),
        (("--location", str(2**80), "0"), "64 bits"),
        (("--size", str(2**29), str(2**29)), "region"),
    ],
)
def test_regions_that_there_are_not(
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    reason: str,
) -> None:
    output = tmp_path / "out" / "r.png"
    message = fails(capsys, "region", path, "-o", output, *REGION, *options)
    assert reason in message
    assert not output.parent.exists()


def test_an_image_has_no_resolution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source.png"
    Image.new("RGB", (64, 64), "red").save(source)
    output = tmp_path / "r.png"
    arguments = ("region", source, "-o", output, *REGION, "--mpp", "1")
    message = fails(capsys, *arguments)
    assert message.count(str(source)) == 1
    assert "give --slide-mpp, microns per level-0 pixel" in message
    assert run(*arguments, "--slide-mpp", "0.5") == 0


# openslide associated


@needs_labels
def test_associated_images_are_listed(
    aperio: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("associated", aperio) == 0
    with OpenSlide(aperio) as slide:
        expected = [
            f"{name}: {image.width} x {image.height}"
            for name, image in slide.associated_images.items()
        ]
    output = capsys.readouterr()
    assert output.out.splitlines() == expected
    assert len(expected) == 3
    assert output.err == ""
    assert run("associated", path) == 0
    assert capsys.readouterr().out == ""


@needs_labels
def test_an_associated_image(aperio: Path, tmp_path: Path) -> None:
    with OpenSlide(aperio) as slide:
        label = slide.associated_images["label"]
    assert same(picture(tmp_path / "l.png", "associated", aperio, "label"), label)
    jpeg = picture(tmp_path / "l.jpg", "associated", aperio, "label")
    assert same(jpeg, encoded(label.convert("RGB"), "JPEG", quality=80))


def test_all_associated_images(aperio: Path, tmp_path: Path) -> None:
    assert run("associated", aperio, "--all", "-o", tmp_path / "out") == 0
    files = {file.name: saved(file) for file in (tmp_path / "out").iterdir()}
    with OpenSlide(aperio) as slide:
        images = {
            f"{aperio.stem}_{name}.png": image
            for name, image in slide.associated_images.items()
        }
    assert files.keys() == images.keys()
    for name, image in images.items():
        assert same(files[name], image)
        assert files[name].info.get("icc_profile") == image.info.get("icc_profile")


def test_names_stay_in_the_folder(
    aperio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may call its images what it likes."""
    names = ("../label", "/etc/label", "a\\b", "a b", "é", "..", "")
    images = {name: Image.new("RGBA", (2, 3)) for name in names}
    monkeypatch.setattr(OpenSlide, "associated_images", images)
    assert run("associated", aperio, "--all", "-o", tmp_path / "a" / "b") == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b"]
    assert len(list((tmp_path / "a" / "b").iterdir())) == len(names)


@needs_labels
def test_there_is_no_such_image(
    aperio: Path, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "l.png"
    message = fails(capsys, "associated", aperio, "labl", "-o", output)
    assert str(aperio) in message
    assert "'labl'; there are: 'label', 'macro', 'thumbnail'" in message
    message = fails(capsys, "associated", path, "label", "-o", output)
    assert "'label'; there are: none" in message
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments", [["label"], ["--all"], ["-o", "x.png"], ["label", "--all", "-o", "x"]]
)
def test_half_a_request(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    is_refused(capsys, "associated", "a.svs", *arguments, says="NAME")


# Colours

COMMANDS = [
    ("thumbnail", ()),
    ("region", REGION),
    ("region", (*OUTSIDE, "--alpha")),
    ("region", (*OUTSIDE, "--mpp", "1.3", "--slide-mpp", "0.5")),
    ("associated", ("thumbnail",)),
]


@needs_profiles
@pytest.mark.parametrize(("command", "options"), COMMANDS)
def test_colors(
    aperio: Path, tmp_path: Path, command: str, options: tuple[str, ...]
) -> None:
    def colored(color: str) -> Image.Image:
        output = tmp_path / f"{color}.png"
        return picture(output, command, aperio, *options, "--color", color)

    embedded, converted, ignored = map(colored, ("embed", "srgb", "ignore"))
    assert embedded.info["icc_profile"] == swapped_profile()
    assert "icc_profile" not in ignored.info
    assert same(ignored, embedded)
    assert "icc_profile" not in converted.info
    assert not same(converted, embedded)
    assert same(converted, as_srgb(embedded))
    if converted.mode == "RGBA":
        assert same(converted.getchannel("A"), embedded.getchannel("A"))


@needs_labels
@pytest.mark.parametrize("color", ["embed", "srgb", "ignore"])
def test_colors_without_a_profile(aperio: Path, tmp_path: Path, color: str) -> None:
    options = ("label", "--color", color)
    image = picture(tmp_path / "l.png", "associated", aperio, *options)
    with OpenSlide(aperio) as slide:
        assert same(image, slide.associated_images["label"])
    assert "icc_profile" not in image.info


def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (b"no profile", "cannot be used"),
        (b"", "cannot be used"),
        (icc_profile()[:-60], "cannot be used"),
        (lab_profile(), "for 'Lab' pixels, not for RGB"),
        (icc_profile().replace(b"RGB ", b"CMYK", 1), "for 'CMYK' pixels, not for RGB"),
        (icc_profile().replace(b"RGB ", b"\xff\xfe\0 ", 1), "not for RGB"),
    ],
)
def test_profiles_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], profile: bytes, reason: str
) -> None:
    image = Image.new("RGB", (9, 9))
    image.info["icc_profile"] = profile
    with pytest.raises(ValueError, match="a picture") as raised:
        _color.handled(image, "srgb", "a picture")
    assert reason in str(raised.value)


@needs_profiles
def test_a_slide_whose_profile_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = write_generic(tmp_path, image=TISSUE, tile=64, factors=(1,))
    give_profile(facts.path, icc_profile().replace(b"RGB ", b"GRAY", 1))
    output = tmp_path / "t.png"
    message = fails(capsys, "thumbnail", facts.path, "-o", output, "--color", "srgb")
    assert str(facts.path) in message
    assert "for 'GRAY' pixels" in message
    assert not output.exists()
    image = picture(output, "thumbnail", facts.path, "--color", "ignore")
    with OpenSlide(facts.path) as slide:
        assert same(image, slide.get_thumbnail((1024, 1024)))


def test_a_transform_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    build = ImageCms.buildTransform

    def counting(*arguments: Any) -> Any:
        built.append(arguments[2])
        return build(*arguments)

    monkeypatch.setattr(ImageCms, "buildTransform", counting)
    _color._transform.cache_clear()
    for mode in ("RGB", "RGBA") * 3:
        image = Image.new(mode, (5, 5), "#102030")
        image.info["icc_profile"] = bytes(bytearray(swapped_profile()))
        assert _color.handled(image, "srgb", "a picture") is image
    assert built == ["RGB", "RGBA"]


def test_there_is_no_such_handling() -> None:
    wrong: Any = "cmyk"
    with pytest.raises(ValueError, match="'embed', 'srgb', 'ignore', not 'cmyk'"):
        _color.handled(Image.new("RGB", (1, 1)), wrong, "a picture")


# Files


@needs_profiles
@pytest.mark.parametrize(
    ("suffix", "format"),
    [(".png", "PNG"), (".jpg", "JPEG"), (".JPEG", "JPEG"), (".tif", "TIFF"),
     (".tiff", "TIFF"), (".webp", "WEBP")],
)  # fmt: skip
def test_formats(path: Path, tmp_path: Path, suffix: str, format: str) -> None:
    if format == "WEBP" and not features.check("webp"):
        pytest.skip("Pillow has no WebP")
    options = (*REGION, "--quality", "35")
    image = picture(tmp_path / f"r{suffix}", "region", path, *options)
    assert image.format == format
    assert image.info["icc_profile"] == swapped_profile()
    with OpenSlide(path) as slide:
        expected = slide.read_region((8, 12), 0, (40, 30)).convert("RGB")
    if format in ("JPEG", "WEBP"):
        expected = encoded(expected, format, quality=35)
    assert same(image, expected)


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
def test_formats_with_alpha(path: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".webp" and not features.check("webp"):
        pytest.skip("Pillow has no WebP")
    image = picture(tmp_path / f"r{suffix}", "region", path, *OUTSIDE, "--alpha")
    with OpenSlide(path) as slide:
        expected = slide.read_region((-10, -20), 0, (50, 60))
    assert same(image.getchannel("A"), expected.getchannel("A"))


@pytest.mark.parametrize("name", ["r.gif", "r", "r.png.bak"])
def test_suffixes_of_no_format(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    message = fails(capsys, "thumbnail", path, "-o", tmp_path / name)
    assert repr(str(tmp_path / name)) in message
    assert ".png, .jpg, .jpeg, .tif, .tiff, .webp" in message


def test_a_picture_too_large_for_its_format(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--location", "0", "0", "--size", "70000", "1")
    for name, limit in (("r.jpg", "65500"), ("r.webp", "16383")):
        message = fails(capsys, "region", path, "-o", tmp_path / name, *options)
        assert name in message
        assert f"{limit} at most" in message
    assert list(tmp_path.iterdir()) == []
    picture(tmp_path / "r.png", "region", path, *options)


def test_a_picture_in_place_of_another(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "t.png"
    output.write_bytes(b"half of a picture")
    assert picture(output, "thumbnail", path).size == (100, 70)


def test_the_slide_is_not_overwritten(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = path.read_bytes()
    assert "the slide itself" in fails(capsys, "thumbnail", path, "-o", path)
    assert path.read_bytes() == before


def test_a_file_in_place_of_the_folder(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("in the way")
    output = tmp_path / "out" / "t.png"
    assert str(tmp_path / "out") in fails(capsys, "thumbnail", path, "-o", output)
    assert (tmp_path / "out").read_text() == "in the way"


# Slides


def commands(slide: Path, output: Path) -> list[tuple[str | Path, ...]]:
    everything = ("--location", "0", "0", "--size", "100", "70")
    return [
        ("thumbnail", slide, "-o", output),
        ("region", slide, "-o", output, *everything),
        ("region", slide, "-o", output, *everything, "--alpha"),
        ("region", slide, "-o", output, *everything, "--mpp", "2", "--slide-mpp", "1"),
    ]


def test_what_is_no_slide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes, missing = tmp_path / "notes.txt", tmp_path / "missing.svs"
    notes.write_text("no slide")
    output = tmp_path / "out" / "p.png"
    for path in (notes, missing):
        for command in (*commands(path, output), ("associated", path)):
            assert path.name in fails(capsys, *command)
    assert not output.parent.exists()


def test_damaged_slides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = write_generic(tmp_path, image=TISSUE, tile=64, factors=(1,))
    blank_tile(facts.path, 3)
    output = tmp_path / "out" / "p.png"
    for command in commands(facts.path, output):
        assert str(facts.path) in fails(capsys, *command)
    assert not output.parent.exists()


@needs_labels
def test_a_damaged_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_aperio(tmp_path, image=TISSUE, factors=(1,)).path
    blank(path, stored_label(path))
    output = tmp_path / "out"
    requests: list[list[str | Path]] = [
        ["label", "-o", output / "l.png"],
        ["--all", "-o", output],
        [],
    ]
    for options in requests:
        assert str(path) in fails(capsys, "associated", path, *options)
    assert not output.exists()


def cut_short(path: Path) -> None:
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(path)
    os.truncate(path, path.stat().st_size // 2)


def with_a_bad_chunk(path: Path) -> None:
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(path)
    contents = path.read_bytes()
    path.write_bytes(contents.replace(b"IDAT", b"\0\0\0\0", 1))


@pytest.mark.parametrize("damage", [cut_short, with_a_bad_chunk])
def test_damaged_images(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    source = tmp_path / "source.png"
    damage(source)
    for command in commands(source, tmp_path / "out" / "p.png"):
        assert str(source) in fails(capsys, *command)


def test_pictures_of_an_image(tmp_path: Path) -> None:
    source = tmp_path / "source.webp"
    whole = Image.fromarray(np.ascontiguousarray(TISSUE))
    whole.save(source, lossless=True)
    image = picture(tmp_path / "r.png", "region", source, *REGION)
    assert same(image, whole.crop((8, 12, 48, 42)))
    with open_slide(source) as slide:
        assert isinstance(slide, ImageSlide)
        thumbnail = slide.get_thumbnail((20, 20))
    options = ("--size", "20")
    assert same(picture(tmp_path / "t.png", "thumbnail", source, *options), thumbnail)


@pytest.mark.parametrize("resample", ["bicubic", "box"])
def test_resampling_needs_no_numpy(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resample: Any
) -> None:
    source = tmp_path / "source.png"
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(source)
    options = ("--mpp", "1.3", "--slide-mpp", "0.5", "--resample", resample)
    for file in (path, source):
        with open_slide(file) as slide:
            expected = slide.read_image_at(
                (8, 12), 1.3, (40, 30), slide_mpp=0.5, resample=resample
            )
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "numpy", None)
            image = picture(tmp_path / "r.png", "region", file, *REGION, *options)
        assert same(image, expected)
