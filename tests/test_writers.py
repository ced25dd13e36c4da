"""Of what scanners and programs write, all that should be direct is, and stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from openslide import OpenSlide
from tests.conftest import RealSlides, Slides
from tests.direct_reads import Region, outcome, regions
from tests.real_slides import REAL_SLIDES
from tests.slides import WRITERS
from tests.slides.direct import INDIRECT, reasons

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


def chosen(slide: OpenSlide) -> list[Region]:
    return list(regions(slide, REGIONS_PER_LEVEL * slide.level_count, seed=1))


def check_levels(slide: OpenSlide, name: str) -> None:
    """Exactly the levels that should be are direct; of the others it says why not."""
    expected = reasons(SLIDES[name], slide.level_count)
    assert dict(slide.indirect_levels) == expected
    assert slide.direct_levels == tuple(
        level for level in range(slide.level_count) if level not in expected
    )


def test_levels(name: str, path: Path) -> None:
    with OpenSlide(path) as slide:
        check_levels(slide, name)


def test_direct_levels_stay_direct(name: str, path: Path) -> None:
    """What is read first is compared with libopenslide, which turns off a level."""
    with OpenSlide(path, on_error="reopen") as slide:
        for location, level, size in chosen(slide):
            if level in slide.direct_levels:
                slide.read_array(location, level, size)
        check_levels(slide, name)


def test_levels_are_as_libopenslide_reads_them(path: Path) -> None:
    """All of them; errors are the same, too."""
    with OpenSlide(path) as slide:
        read = chosen(slide)
    for region in read:
        assert outcome(path, region, direct=True) == outcome(path, region, direct=False)
