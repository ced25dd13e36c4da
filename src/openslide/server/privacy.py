"""What of a slide can name a patient, and is not shown unless that is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

#: Photographs of the glass show its label, those called macro in many formats too.
_PICTURES = re.compile(r"label|macro|barcode", re.IGNORECASE)

_PROPERTIES = re.compile(
    r"barcode|patient|label|macro|accession|person|physician|operator|author|user"
    r"|birth|(case|specimen|block|container|slide)[ ._-]?(id|identifier|name|number)"
    r"|study|filename|path\b|\breference\b|document[ ._-]?name|artist|\btitle\b|technician",
    re.IGNORECASE,
)

#: Shorter ones are in other texts by chance.
_LEAST_TELLING = 4

#: Vendors put pictures into properties too, which are no use to read.
_LONGEST_VALUE = 4096


class Shown(NamedTuple):
    """What is shown of a mapping, and the names of what is not."""

    shown: dict[str, str]
    hidden: list[str]


def is_private_picture(name: str) -> bool:
    """Whether an associated image may show a name."""
    return _PICTURES.search(name) is not None


def shown_properties(properties: Mapping[str, str], *, labels: bool) -> Shown:
    """The properties to show.

    labels: whether to show also those that can name a patient, and those that hold
            the value of such a one among others, such as comments.
    """
    hidden = set() if labels else _private(properties)
    hidden |= {n for n, value in properties.items() if len(value) > _LONGEST_VALUE}
    shown = {n: value for n, value in properties.items() if n not in hidden}
    return Shown(dict(sorted(shown.items())), sorted(hidden))


def _private(properties: Mapping[str, str]) -> set[str]:
    named = {name for name in properties if _PROPERTIES.search(name)}
    telling = {properties[name].strip() for name in named}
    return named | {
        name for name, value in properties.items() if _tells_any(value, telling)
    }


def _tells_any(value: str, telling: Iterable[str]) -> bool:
    return any(len(text) >= _LEAST_TELLING and text in value for text in telling)
