"""Benchmarks: this package, the raw C call and openslide-python, side by side."""
