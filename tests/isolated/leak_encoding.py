"""Pictures are encoded as JPEG, and refused."""

from __future__ import annotations

from openslide._openslide import encode_jpeg
from tests.isolated.leak_measure import check
from tests.isolated.leak_opening import refused

#: More than the encoder has room for at first.
_LARGE = memoryview(bytes(1200 * 900 * 3)).cast("B", (1200, 900, 3))
_FLAT = memoryview(bytes(64))
_LONG = memoryview(bytes(65_501 * 3)).cast("B", (65_501, 1, 3))


def main() -> None:
    check("encode", lambda: encode_jpeg(_LARGE, 80), 50)
    for what, arguments in {
        "no picture": (_FLAT, 80),
        "too long a side": (_LONG, 80),
        "no quality": (_LARGE, 0),
        "no buffer": (3, 80),
    }.items():
        check(what, refused(encode_jpeg, *arguments), 1000)


if __name__ == "__main__":
    main()
