"""Of what scanners and programs write, all that should be direct is, and stays so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openslide import OpenSlide, OpenSlideError
from tests.conftest import RealSlides, Slides, uses_libjpeg_turbo
from tests.direct_reads import Region, regions
from tests.real_slides import REAL_SLIDES
from tests.slides import WRITERS, reference, write_aperio
from tests.slides.direct import INDIRECT, INDIRECT_WITHOUT_LIBJPEG, NOT_KEPT, reasons
from tests.slides.writers import SCANSCOPE

# Older releases refuse some of the slides.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

REGIONS_PER_LEVEL = 8

SLIDES = {
    **INDIRECT,
    **{f"real {name}": slide.indirect for name, slide in REAL_SLIDES.items()},
}


@pytest.fixture(params=SLIDES)
def name(request: pytest.FixtureRequest) -> str:
    slide: str = request.param
    return slide


@pytest.fixture
def path(name: str, slides: Slides, real_slides: RealSlides) -> Path:
    real = name.removeprefix("real ")
    return slides[name].path if real == name else real_slides[real]


def test_every_slide_is_in_the_table() -> None:
    assert sorted(INDIRECT) == sorted(WRITERS)


def check_levels(slide: OpenSlide, name: str) -> None:
    """Exactly the levels that should be are direct; of the others it says why not.

    These are kept where level 0 has positions for all of their pixels.
    """
    indirect = SLIDES[name]
    if not uses_libjpeg_turbo():
        indirect = INDIRECT_WITHOUT_LIBJPEG.get(name, indirect)
    expected = reasons(indirect, slide.level_count)
    assert dict(slide.indirect_levels) == expected
    assert slide.direct_levels == tuple(
        level for level in range(slide.level_count) if level not in expected
    )
    assert slide.kept_levels == tuple(
        level
        for level in expected
        if name not in NOT_KEPT and slide.level_downsamples[level].is_integer()
    )


def test_levels(name: str, path: Path) -> None:
    with OpenSlide(path) as slide:
        check_levels(slide, name)


def result(slide: OpenSlide, region: Region) -> bytes | str:
    """The pixels, or what the error says."""
    try:
        return slide.read_region(*region).tobytes()
    except OpenSlideError as error:
        return str(error)


def test_reads(name: str, path: Path) -> None:
    """They are libopenslide's; what differed once would be direct no longer."""
    with (
        OpenSlide(path, on_error="reopen") as slide,
        OpenSlide(path, on_error="reopen", direct=False) as plain,
    ):
        # Of levels that are not direct one each, for libopenslide reads both.
        count = slide.level_count
        for number, region in enumerate(regions(plain, REGIONS_PER_LEVEL * count, 1)):
            if number < count or region[1] in slide.direct_levels:
                assert result(slide, region) == result(plain, region), region
        check_levels(slide, name)


def test_sizes_of_more_than_16_bits(tmp_path: Path) -> None:
    """Of which one is LONG, and the others beside it SHORT."""
    image = np.tile(reference()[:64], (1, 33, 1))[:, :65_600]
    path = write_aperio(tmp_path, dialect=SCANSCOPE, image=image, factors=(1, 4)).path
    region = ((65_000, 3), 0, (700, 50))
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        assert result(slide, region) == result(plain, region)
        assert slide.direct_levels == (0, 1)
