"""Which mask a slide has, and the mask as it is written beside the tiles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..annotations import Origin, origin_offset
from ..output.whole import settle, write_whole
from ..tissue import TissueMask
from .names import FoundSlide, cleaned

if TYPE_CHECKING:
    from .._abstract_slide import AbstractSlide
    from .plan import Job

#: What may stand between the name of a slide and the suffix of its mask.
_WORDS = re.compile(
    r"[-_. ](mask|masks|label|labels|annotation|annotations|tissue)", re.IGNORECASE
)

_POLYGONS = (".geojson", ".json")

#: What masks end in; other files of a folder are none.
_SUFFIXES = (*_POLYGONS, ".png", ".tif", ".tiff", ".bmp", ".gif", ".svs", ".dcm")


#: More of a slide is dark where it is no bright field.
_MOSTLY = 0.5


class MaskOptions(NamedTuple):
    """What of a mask is wanted; what it means is said at TissueMask.

    Attributes:
        classes: see TissueMask.of().
        origin: likewise.
        threshold: likewise.
        saturation: see TissueMask.detect().
    """

    classes: tuple[str, ...] | None = None
    origin: Origin | None = None
    threshold: float | None = None
    saturation: int | None = None

    def told(self) -> dict[str, Any]:
        """The same as JSON has it, with the names that the command has for them."""
        return {
            "mask_class": self.classes and list(self.classes),
            "mask_origin": self.origin,
            "mask_threshold": self.threshold,
            "tissue_threshold": self.saturation,
        }


class MatchedMasks(NamedTuple):
    """The masks of slides in a folder.

    Attributes:
        masks: by the path of the slide.
        missing: why other slides have none, likewise.
    """

    masks: dict[Path, Path]
    missing: dict[Path, str]


def match_masks(folder: Path, slides: Iterable[FoundSlide]) -> MatchedMasks:
    """The mask of each slide among the files of a folder and those below it.

    The mask of b/c.svs is called c or c.svs, or like the slide in the output (b_c), up
    to a word such as "-mask" and the suffix: c.geojson, c.svs.json, c_mask.png.

    Raises OSError where the folder may not be looked at.
    """
    found: dict[str, list[Path]] = {}
    for path in _files(folder):
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
            for name in _names_of_mask(path, folder):
                found.setdefault(name, []).append(path)
    masks: dict[Path, Path] = {}
    missing: dict[Path, str] = {}
    for slide in slides:
        candidates: list[Path] = []
        for name in (slide.name, slide.path.name, slide.path.stem):
            candidates = candidates or sorted(set(found.get(name.casefold(), ())))
        if len(candidates) == 1:
            masks[slide.path] = candidates[0]
        elif candidates:
            names = ", ".join(str(path.relative_to(folder)) for path in candidates)
            missing[slide.path] = f"there are several masks of it in {folder}: {names}"
        else:
            missing[slide.path] = (
                f"there is no mask of it in {folder}, such as {slide.path.stem}.geojson "
                f"or {slide.path.stem}.png"
            )
    return _without_shared(MatchedMasks(masks, missing), folder)


def _without_shared(matched: MatchedMasks, folder: Path) -> MatchedMasks:
    """Without masks that would be of several slides, as of a/1.svs and b/1.svs."""
    slides: dict[Path, list[Path]] = {}
    for slide, mask in matched.masks.items():
        slides.setdefault(mask, []).append(slide)
    for mask, shared_by in slides.items():
        if len(shared_by) > 1:
            names = ", ".join(map(str, shared_by))
            for slide in shared_by:
                del matched.masks[slide]
                matched.missing[slide] = (
                    f"the mask {mask.relative_to(folder)} may be of {names}: call it as "
                    "the slide is called in the output, or put it into a folder likewise"
                )
    return matched


def _files(folder: Path) -> Iterable[Path]:
    def raise_it(error: OSError) -> None:
        raise error

    for parent, _, files in os.walk(folder, onerror=raise_it, followlinks=True):
        yield from (Path(parent, file) for file in sorted(files))


def _names_of_mask(path: Path, folder: Path) -> set[str]:
    """What the slide of a mask may be called."""
    stems = {path.stem, re.sub(f"{_WORDS.pattern}$", "", path.stem, flags=re.I)}
    parts = path.relative_to(folder).parts[:-1]
    # As slides of folders are called in the output.
    joined = {cleaned("_".join([*parts, stem])) for stem in stems}
    return {name.casefold() for name in stems | joined}


def wanted_mask(job: Job, slide: AbstractSlide) -> TissueMask | None:
    """What of a slide is wanted; None for all of it.

    Raises what TissueMask.of() and TissueMask.detect() raise.
    """
    options, about = job.options, job.options.about_mask
    if options.mask is not None:
        return TissueMask.of(
            options.mask,
            slide,
            origin=about.origin,
            classes=about.classes,
            threshold=about.threshold,
        )
    if options.min_tissue is None:
        return None
    return TissueMask.detect(slide, saturation=about.saturation)


def notes(job: Job, mask: TissueMask) -> list[str]:
    """What a user should know of a mask."""
    if job.options.mask is None:
        if (mask.dark or 0) < _MOSTLY:
            return []
        return [
            "most of it is dark, as in fluorescence: tissue is found on bright field "
            "alone, so give a --mask"
        ]
    ignored = mask.annotations.ignored if mask.annotations else {}
    if not ignored:
        return []
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
    name = Path(job.options.mask).name
    return [f"{name} has other shapes than polygons, which are left out: {kinds}"]


def mask_path(job: Job) -> Path:
    """Where the mask that was used is written."""
    return job.out / f"{job.name}-mask.geojson"


def write_mask(job: Job, mask: TissueMask, slide: AbstractSlide) -> None:
    """Write the mask, to be looked at in QuPath, where place_mask() finds it."""
    content = mask.geojson(origin_offset(slide, "bounds"), "bounds")
    write_whole(_unplaced(job), content, job.folder.aside)


def place_mask(job: Job) -> None:
    """Put OUT/{slide}-mask.geojson in place, settled, if there is a mask."""
    if _unplaced(job).exists():  # else it was put there just before a kill
        settle([_unplaced(job)])
        os.replace(_unplaced(job), mask_path(job))
        settle([mask_path(job)])


def _unplaced(job: Job) -> Path:
    return job.folder.path / "mask.geojson"
