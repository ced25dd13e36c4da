"""Pixel conversion, under the name that openslide-python gives it."""

from ._openslide import argb2rgba

__all__ = ["argb2rgba"]
