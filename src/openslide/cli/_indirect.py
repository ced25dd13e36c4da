"""Why libopenslide reads a level, in words for whoever would like it to be faster.

The extension module tells the reason (ext/direct); here stands what can be done.
"""

from __future__ import annotations

from .._missing import INSTALL

# Pixels are the same in any case, so where nothing can be done nothing need be.
_NOTHING = "nothing can be done"
_CODECS = (
    "this package decodes JPEG, deflate, PNG, BMP and what is not compressed, "
    "so nothing can be done"
)
_REPORT = "please report which scanner or program wrote the file"
_FILES = "its folder must hold every file of the slide, each once and readable"
_MEMORY = "free some memory and open the slide again"

#: What can be done about each reason that the extension module has.
_REMEDIES = {
    # how this package was installed, and is used
    "the JPEG decoder that was asked for is not built in": (
        f"unset OPENSLIDE_DECODER, or {INSTALL.format('libjpeg-turbo')}"
    ),
    "libdeflate is not built in": INSTALL.format("libdeflate"),
    "direct reads are turned off": "unset OPENSLIDE_DIRECT to turn them on",
    "the file cannot be opened now": (
        "see that it may be read and that the limit of open files is not reached"
    ),
    "there was no memory": _MEMORY,
    "this machine rounds floats in another way": _NOTHING,
    # what the files hold
    "the tiles are compressed in another way": _CODECS,
    "the tiles have no whole kilobytes": _NOTHING,
    "the pixels are not RGB or YCbCr of 8 bits": _NOTHING,
    "the tiles are larger than 4096 pixels": _NOTHING,
    "the level is not a grid of tiles as expected": _NOTHING,
    "slides of this vendor are not grids of JPEG tiles": _NOTHING,
    "tiles of a finer level may be missing": _NOTHING,
    "the frames are not one fragment each": _NOTHING,
    "the frames are not on the grid of tiles": _NOTHING,
    "there are too many frames": _NOTHING,
    "what the slide says of itself is unusual": _REPORT,
    "the index of the slide cannot be read": _FILES,
    "the level is one JPEG without restart markers": _NOTHING,
    "the colours of its tiles do not stand alone": _NOTHING,
    "it has fewer restart intervals than tiles": _NOTHING,
    "no optimisation file says where its restart intervals are": _FILES,
    "the columns of the file are too wide": _NOTHING,
    "it is made of a larger level, which takes libjpeg-turbo": (
        f"unset OPENSLIDE_DECODER, or {INSTALL.format('libjpeg-turbo')}"
    ),
    "there are no frames": _REPORT,
    "the file is no TIFF": _REPORT,
    "the TIFF directories cannot be read": _REPORT,
    "the TIFF directory has unusual entries": _REPORT,
    "the JPEG tables cannot be read": _REPORT,
    "the table of its tiles cannot be read": _REPORT,
    "the table of its frames is unusual": _REPORT,
    "the header of the JPEG is unusual": _REPORT,
    "the places of its restart intervals are unusual": _REPORT,
    "its JPEGs do not fit together as expected": _REPORT,
    "the header of the file is unusual": _REPORT,
    "the frames have no positions": _REPORT,
    "the frames are organized in an unknown way": _REPORT,
    "what the frames have of their own is unusual": _REPORT,
    # the files of a series
    "a file of the slide cannot be opened": _FILES,
    "the file ends before its pixels do": _FILES,
    "the optimisation file cannot be read": _FILES,
    "the file of the level was not found": _FILES,
    "several files have the size of the level": _FILES,
    "the files of the series cannot be read": _FILES,
    "the files of the level differ in their colours": _FILES,
    # what must not happen
    "libopenslide gave other pixels": "you get libopenslide's; please report this",
}

REASONS = frozenset(_REMEDIES)


def explained(reason: str) -> str:
    """A reason why a level is not read directly, and what can be done."""
    return f"{reason}; {_REMEDIES.get(reason, _REPORT)}"
