"""Exceptions for wrong arguments and closed slides.

Programs written for openslide-python catch them as ctypes.ArgumentError; each is
also what a Python programmer expects.  They live apart because only a program
that makes such an error should pay for importing ctypes.
"""

from __future__ import annotations

try:
    from ctypes import ArgumentError as _ArgumentError
except ImportError:  # ctypes refuses some subinterpreters (Python 3.12)

    class _ArgumentError(Exception):  # type: ignore[no-redef]
        """What these have in common; Exception itself could not stand before TypeError."""


class ArgumentTypeError(_ArgumentError, TypeError):
    """An argument is of the wrong type."""


class ArgumentValueError(_ArgumentError, ValueError):
    """An argument has an impossible value, or the slide is closed."""


class ArgumentZeroError(ArgumentValueError, ZeroDivisionError):
    """A size is zero or negative, and something must be divided by it."""


class ArgumentOverflowError(_ArgumentError, OverflowError):
    """An integer does not fit where libopenslide wants it."""
