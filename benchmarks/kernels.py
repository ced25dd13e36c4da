"""Kernels by themselves: the tables of the programs in C, and one with Pillow."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
from PIL import Image
from PIL.Image import Resampling

import openslide
from openslide._resampling import resize


@dataclass(frozen=True)
class KernelRow:
    """Speed of one conversion kernel on one kind of pixels.

    Attributes:
        kernel: its name; "memcpy" for the yardstick.
        pixels: what the pixels are like.
        to: what they become.
        rate: GB of input per second.
        of_memcpy: the same, with memcpy as 1.
    """

    kernel: str
    pixels: str
    to: str
    rate: float
    of_memcpy: float


@dataclass(frozen=True)
class PaintRow:
    """Speed of one painting kernel on one kind of region.

    Attributes:
        kernel: its name.
        region: how tiles lie in it.
        nanoseconds: for one of its pixels.
        microseconds: for all of it.
    """

    kernel: str
    region: str
    nanoseconds: float
    microseconds: float


@dataclass(frozen=True)
class ResampleRow:
    """Speed of one resampling kernel, or of Pillow.

    Attributes:
        kernel: its name.
        change: the side of the source, the filter and the format.
        nanoseconds: for one pixel of the source.
        microseconds: for all of it.
    """

    kernel: str
    change: str
    nanoseconds: float
    microseconds: float


@dataclass(frozen=True)
class DecoderRow:
    """Speed of one JPEG decoder on one kind of tiles.

    Attributes:
        decoder: its instruction set, or "libjpeg-turbo" for the yardstick.
        tiles: how they are sampled and quantized.
        microseconds: for one of them.
        speed: how many times as fast as libjpeg-turbo.
    """

    decoder: str
    tiles: str
    microseconds: float
    speed: float


Row = KernelRow | PaintRow | ResampleRow | DecoderRow


def _measure_conversion(programs: Path) -> tuple[str, list[KernelRow]]:
    """What bench_convert prints, and the rows of its table."""
    text = subprocess.check_output([programs / "bench_convert"], text=True)
    rows = [
        KernelRow(kernel, pixels, to, float(rate), float(of_memcpy))
        for kernel, pixels, to, rate, of_memcpy in _cells(
            text, "kernel", "pixels", "to "
        )
    ]
    return text, rows


def _measure_painting(programs: Path) -> tuple[str, list[PaintRow]]:
    """What bench_paint prints, and the rows of its table."""
    text = subprocess.check_output([programs / "bench_paint"], text=True)
    rows = [
        PaintRow(kernel, region, float(nanoseconds), float(microseconds))
        for kernel, region, nanoseconds, microseconds in _cells(
            text, "kernel", "region"
        )
    ]
    return text, rows


def _measure_resampling(programs: Path) -> tuple[str, list[ResampleRow]]:
    """What bench_resample prints, and the rows of its table."""
    text = subprocess.check_output([programs / "bench_resample"], text=True)
    rows = [
        ResampleRow(kernel, change, float(nanoseconds), float(microseconds))
        for kernel, change, nanoseconds, microseconds in _cells(
            text, "kernel", "to 224 from"
        )
    ]
    return text, rows


#: How many tiles of a slide are decoded, and what their column has room for.
_SLIDE_TILES = 48
_NAME_LENGTH = 10

#: What Pillow is compared on: the side of the source, and the filter.
_PILLOW_CHANGES = (
    (448, Resampling.BICUBIC),
    (512, Resampling.BICUBIC),
    (448, Resampling.LANCZOS),
    (1024, Resampling.LANCZOS),
)
_PILLOW_ROUNDS = 101
_TARGET = 224


def _measure_pillow(_programs: Path) -> tuple[str, list[ResampleRow]]:
    """Pillow, and the same by the kernel in use; both take turns, on one thread."""
    rows = []
    lines = [f"{'to 224 from':<22} {'Pillow us':>9} {'ours us':>9} {'ratio':>7}"]
    for side, method in _PILLOW_CHANGES:
        pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
        image = Image.fromarray(pixels)
        pillow, ours = [], []
        for _ in range(_PILLOW_ROUNDS):
            pillow.append(_duration(image.resize, (_TARGET, _TARGET), method))
            ours.append(_duration(resize, pixels, (_TARGET, _TARGET), method))
        ratio = median(a / b for a, b in zip(pillow, ours, strict=True))
        change = f"{side} {method.name.lower()} RGB"
        for name, seconds in (("Pillow", median(pillow)), ("ours", median(ours))):
            rows.append(
                ResampleRow(name, change, seconds / side**2 * 1e9, seconds * 1e6)
            )
        lines.append(
            f"{change:<22} {rows[-2].microseconds:9.1f} "
            f"{rows[-1].microseconds:9.1f} {ratio:7.2f}"
        )
    return "\n".join([*lines, ""]), rows


def _measure_decoders(programs: Path) -> tuple[str, list[DecoderRow]]:
    """What bench_jpeg prints, and the rows of its table."""
    return _decoder_table(programs, [])


def measure_slide_decoders(programs: Path, slide: Path) -> tuple[str, list[DecoderRow]]:
    """The same of tiles of a slide's level 0, spread evenly over it."""
    with openslide.OpenSlide(slide) as opened, TemporaryDirectory() as folder:
        tiles = opened.native_tiles(0)
        columns, rows = tiles.shape
        numbers = np.linspace(0, columns * rows - 1, _SLIDE_TILES).astype(int)
        streams = tiles.encoded_batch(
            [(int(number) % columns, int(number) // columns) for number in numbers]
        )
        files = []
        for number, stream in zip(numbers, streams, strict=True):
            if stream is not None:
                files.append(Path(folder, f"{number}.jpeg"))
                files[-1].write_bytes(stream)
        return _decoder_table(programs, [slide.stem[:_NAME_LENGTH], *files])


def _decoder_table(
    programs: Path, arguments: Sequence[str | Path]
) -> tuple[str, list[DecoderRow]]:
    program = programs / "bench_jpeg"
    if not program.exists():
        return "decoders: left out, there is no libjpeg-turbo to compare with", []
    text = subprocess.check_output([program, *arguments], text=True)
    rows = [
        DecoderRow(decoder, tiles, float(microseconds), float(speed))
        for decoder, tiles, microseconds, speed in _cells(text, "decoder", "tiles")
    ]
    return text, rows


def _duration(call: Callable[..., object], *arguments: object) -> float:
    """CPU time: a busy machine interrupts the longer of two calls, and not the other."""
    start = process_time()
    call(*arguments)
    return process_time() - start


def _cells(text: str, *titles: str) -> Iterator[list[str]]:
    """The cells below a head: of the columns with these titles, then two numbers.

    Lines above the head say which kernels this CPU cannot run.
    """
    lines = text.splitlines()
    head = next(line for line in lines if line.startswith(f"{titles[0]} "))
    starts = [head.index(title) for title in titles]
    for line in lines[lines.index(head) + 1 :]:
        words = [line[start:end].strip() for start, end in pairwise(starts)]
        last_word, *numbers = line[starts[-1] :].rsplit(maxsplit=2)
        yield [*words, last_word.strip(), *numbers]


#: For each table, by name, what returns its text and rows when it is given the
#: folder of the programs.
TABLES: dict[str, Callable[[Path], tuple[str, Sequence[Row]]]] = {
    "kernels": _measure_conversion,
    "painting": _measure_painting,
    "resampling": _measure_resampling,
    "pillow": _measure_pillow,
    "decoders": _measure_decoders,
}
