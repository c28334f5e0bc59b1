"""`InPlace`: whether a run's files are still those that it began to write to.

An open file that was deleted or replaced is written to as before, without a word: what was kept there, nobody finds.
"""

import os
from pathlib import Path
from typing import Self

from attrs import frozen


@frozen
class InPlace:
    """Files as they were found: each by its path, with the file system and the number there that tell it apart."""

    found: tuple[tuple[Path, int, int], ...] = ()

    @classmethod
    def of(cls, *paths: Path) -> Self:
        """Note which files are there.

        Raises:
            OSError: One is not.
        """
        return cls(tuple((path, *_which(path)) for path in paths))

    def joined(self, other: Self) -> Self:
        """Give these and those."""
        return type(self)(self.found + other.found)

    def check(self) -> None:
        """See that they are there still.

        Raises:
            OSError: One is not.
        """
        for path, *which in self.found:
            try:
                now = _which(path)
            except FileNotFoundError:
                msg = f"{path.name} was taken away while the run was at work"
                raise FileNotFoundError(msg) from None
            if now != tuple(which):
                msg = f"{path.name} was replaced while the run was at work"
                raise OSError(msg)


def _which(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - asked with every commit, and a third faster
    return found.st_dev, found.st_ino
