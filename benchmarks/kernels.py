"""The conversion of pixels by itself, against memcpy: the table of bench_convert."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KernelRow:
    """Speed of one kernel on one kind of pixels.

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


def measure_kernels(program: Path) -> tuple[str, list[KernelRow]]:
    """What bench_convert prints, and the rows of its table."""
    text = subprocess.check_output([program], text=True)
    lines = text.splitlines()
    head = next(line for line in lines if line.startswith("kernel "))
    starts = [head.index(title) for title in ("kernel", "pixels", "to ")]
    rows = [_row(line, starts) for line in lines[lines.index(head) + 1 :]]
    return text, rows


def _row(line: str, starts: list[int]) -> KernelRow:
    kernel_at, pixels_at, to_at = starts
    to, rate, of_memcpy = line[to_at:].rsplit(maxsplit=2)
    kernel = line[kernel_at:pixels_at].strip()
    pixels = line[pixels_at:to_at].strip()
    return KernelRow(kernel, pixels, to.strip(), float(rate), float(of_memcpy))
