"""Trees of tiles for viewers on the web: Deep Zoom, and IIIF Image API level 0.

Data flows one way:

    layouts     what the files of a tree are called, and what describes it
    shrink      the finest level from the slide, each other one from the one below
    exact       every tile as DeepZoomGenerator gives it
    writer      tiles to files, on several threads
    state       how far it has come
    tree        all of it, resumable and kill-safe
"""

from __future__ import annotations

from .layouts import DeepZoomLayout, IiifLayout, Layout
from .tree import TreeOptions, TreeSummary, write_tree

__all__ = [
    "DeepZoomLayout",
    "IiifLayout",
    "Layout",
    "TreeOptions",
    "TreeSummary",
    "write_tree",
]
