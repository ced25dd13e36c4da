"""The exceptions that a slide raises.

Exception
    OpenSlideError                       libopenslide failed
        OpenSlideUnsupportedFormatError  the file is not a slide
        OpenSlideVersionError            libopenslide is too old

Wrong arguments and closed slides raise the classes of _argument_errors, or ValueError.
"""

from __future__ import annotations

from collections.abc import Callable

# Where openslide-python defines these: pickled exceptions are exchanged with
# programs that use it, and the name is what log searches look for.
_PUBLIC_MODULE = "openslide.lowlevel"


class OpenSlideError(Exception):
    """libopenslide could not do what it was asked to.

    Such errors latch: once a read has failed, every later use of the same slide
    object raises the same error, until the slide is opened again.
    """

    __module__ = _PUBLIC_MODULE


class OpenSlideUnsupportedFormatError(OpenSlideError):
    """The file is missing, or not a slide that libopenslide can read.

    The message goes on with the path and the reason.

    reason: that alone, where it is known.
    """

    __module__ = _PUBLIC_MODULE
    reason: str | None = None


class OpenSlideVersionError(OpenSlideError):
    """The loaded libopenslide is too old for what was asked.

    minimum_version: the OpenSlide release that brought it, such as "4.0.0".
    """

    __module__ = _PUBLIC_MODULE

    def __init__(self, minimum_version: str) -> None:
        super().__init__(f"OpenSlide >= {minimum_version} required")
        self.minimum_version = minimum_version

    def __reduce__(self) -> tuple[Callable[..., OpenSlideVersionError], tuple[str]]:
        return type(self), (self.minimum_version,)


class AdvisedError(ValueError):
    """A ValueError about a slide that ends with the argument that helps.

    slide:    what it is called in Python, see __repr__().
    reason:   what is wrong with it.
    advice:   what to do, with {} in the place of the argument.
    argument: its name in Python; commands have it as an option.
    """

    def __init__(self, slide: str, reason: str, advice: str, argument: str) -> None:
        super().__init__(slide, reason, advice, argument)
        self._slide = slide
        self._reason = reason
        self._advice = advice
        self._argument = argument

    def __str__(self) -> str:
        return f"{self._slide} {self._reason}; {self._advice.format(self._argument)}"

    def for_command(self) -> str:
        """The message for those who give options, and are told the path besides."""
        option = f"--{self._argument.replace('_', '-')}"
        return f"the slide {self._reason}; {self._advice.format(option)}"
