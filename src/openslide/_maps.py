"""The mappings that a slide offers: its properties and its associated images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from ._arguments import utf8_text
from ._images import from_rgba, with_profile
from ._library import has_function
from ._openslide import Slide

if TYPE_CHECKING:
    from PIL.Image import Image

_T = TypeVar("_T")


class _OpenSlideMap(Mapping[str, _T]):
    """A read-only view of an open slide; raises what the slide raises."""

    def __init__(self, osr: Slide) -> None:
        self._osr = osr

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict(self)!r}>"

    def __len__(self) -> int:
        return len(self._keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    @abstractmethod
    def _keys(self) -> list[str]:
        """The names, in libopenslide's order."""


class _PropertyMap(_OpenSlideMap[str]):
    """Metadata of a slide, name to value."""

    def _keys(self) -> list[str]:
        return list(self._osr.properties)

    def __getitem__(self, key: str) -> str:
        return self._osr.properties[utf8_text(key)]


class _AssociatedImageMap(_OpenSlideMap["Image"]):
    """Pictures that come with a slide, such as its label; read anew at each look-up.

    Each is an RGBA image of its own size in pixels.
    """

    def __init__(self, osr: Slide, profile: bytes | None) -> None:
        super().__init__(osr)
        self._profile = profile

    def _keys(self) -> list[str]:
        return list(self._osr.associated_image_names)

    def __getitem__(self, key: str) -> Image:
        if key not in self._osr.associated_image_names:
            raise KeyError(key)
        image = from_rgba(*self._osr.read_associated_image(key))
        return with_profile(image, self._profile_of(key))

    def _profile_of(self, name: str) -> bytes | None:
        """The image's profile: the slide's own object where they are equal."""
        if not has_function("read_associated_image_icc_profile"):
            return None
        profile = self._osr.associated_image_icc_profile(name)
        return self._profile if profile == self._profile else profile
