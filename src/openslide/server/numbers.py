"""Numbers out of addresses and queries, bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.convertors import Convertor, register_url_convertor

from .answers import ProblemError

#: No slide has so many pixels on a side, and no number more digits.
_MOST = 999_999_999


class NumberConvertor(Convertor[int]):
    """A number from 0 on, of a few digits; Python refuses to read thousands of them."""

    regex = "[0-9]{1,9}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", NumberConvertor())


def number(
    query: Mapping[str, str],
    name: str,
    *,
    default: int | None = None,
    least: int = 0,
    most: int = _MOST,
) -> int:
    """A whole number of a query.

    Raises ProblemError where it lacks, is none, or is out of bounds.
    """
    text = query.get(name)
    if text is None:
        if default is None:
            raise ProblemError(400, f"{name} is missing")
        return default
    if not re.fullmatch(r"-?[0-9]{1,10}", text):
        raise ProblemError(400, f"{name} must be a whole number")
    value = int(text)
    if not least <= value <= most:
        raise ProblemError(400, f"{name} must be from {least} to {most}, not {value}")
    return value
