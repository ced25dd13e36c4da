"""Damaged slides, drawn from a seed and a number."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .mutations import Original, draw


class Obstacle(enum.Enum):
    """What may be in the place of a companion file."""

    NOTHING = "missing"
    DIRECTORY = "a directory"
    LOOP = "a link to itself"
    FIFO = "a FIFO"


#: Without the FIFO, on which libopenslide waits for a writer.
_DRAWN_OBSTACLES = (Obstacle.NOTHING, Obstacle.DIRECTORY, Obstacle.LOOP)


@dataclass(frozen=True)
class Damage:
    """What differs from the undamaged slide: files by relative name."""

    description: str
    files: Mapping[str, bytes | Obstacle]


@dataclass(frozen=True)
class Case:
    """A damage of a slide; `number` counts those of one slide from one seed."""

    name: str
    seed: int
    number: int

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}, number {self.number}"

    @property
    def command(self) -> str:
        """How to run the case alone."""
        return (
            f"python -m tests.damage --only {self.name} --seed {self.seed} "
            f"--first {self.number} --count 1"
        )

    def random(self, purpose: str) -> Random:
        """Chance, the same each time, and another for each purpose."""
        return Random(f"{self.seed}/{self.name}/{self.number}/{purpose}")


class Template:
    """An undamaged slide, of which damaged copies are made."""

    def __init__(self, folder: Path, path: Path) -> None:
        """The slide at `path`, to which all files in `folder` belong."""
        self._folder = folder
        self.main = path.relative_to(folder).as_posix()
        self.files = {
            file.relative_to(folder).as_posix(): Original(file.read_bytes())
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    @property
    def companions(self) -> list[str]:
        """The files beside the one to open."""
        return [name for name in self.files if name != self.main]

    def draw(self, case: Case) -> Damage:
        """The damage of a case."""
        random = case.random("damage")
        if self.companions and random.random() < 0.04:
            name = random.choice(self.companions)
            return obstructed(name, random.choice(_DRAWN_OBSTACLES))
        name = random.choice(list(self.files))
        data, description = draw(self.files[name], random)
        return Damage(f"{name}: {description}", {name: data})

    def copy(self, folder: Path, damage: Damage) -> Path:
        """Write a damaged copy into a new folder, and return the file to open.

        Undamaged companions are links to the template's files: nothing writes to
        them, and they may be large.
        """
        for name in self.files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            content = damage.files.get(name)
            if content is None:
                os.link(self._folder / name, target)
            elif isinstance(content, bytes):
                target.write_bytes(content)
            else:
                _obstruct(target, content)
        return folder / self.main


def obstructed(name: str, obstacle: Obstacle) -> Damage:
    """The damage that a file is not there, but perhaps something else."""
    return Damage(f"{name}: {obstacle.value}", {name: obstacle})


def _obstruct(path: Path, obstacle: Obstacle) -> None:
    match obstacle:
        case Obstacle.NOTHING:
            pass
        case Obstacle.DIRECTORY:
            path.mkdir()
        case Obstacle.LOOP:
            path.symlink_to(path.name)
        case Obstacle.FIFO:
            os.mkfifo(path)
