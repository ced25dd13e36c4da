"""Benchmarks: this package, the raw C call, openslide-python, cucim, side by side."""
