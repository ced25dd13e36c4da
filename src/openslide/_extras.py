"""Packages that come with an extra of this one, and what to say where they lack."""

from __future__ import annotations

from typing import Any


def missing(need: str, extra: str) -> ImportError:
    """The error of what cannot be done without an extra.

    need: what needs which package, such as "arrays need NumPy".
    """
    return ImportError(
        f"{need}; install it with `pip install openslide-native[{extra}]`"
    )


def zarr() -> Any:
    """Zarr, or ImportError that says how to get it."""
    try:
        import zarr
    except ImportError:
        raise missing("Zarr stores need zarr", "zarr") from None
    return zarr
