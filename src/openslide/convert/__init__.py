"""A slide as one file of another format, its own tiles copied where they can be.

levels    which levels the file has, and where the tiles of each come from
bigtiff   BigTIFF files with all directories before the first tile
tiff      puts the two together
"""

from __future__ import annotations

from .tiff import Converted, TiffOptions, write_tiff

__all__ = ["Converted", "TiffOptions", "write_tiff"]
