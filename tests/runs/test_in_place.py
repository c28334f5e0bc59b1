import os
from pathlib import Path

import pytest

from cvm_async.runs.in_place import InPlace


def test_what_stays_where_it_was_is_in_place_however_it_is_written_to(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("b")
    both = InPlace.of(one).joined(InPlace.of(two))
    one.write_text("changed")
    os.utime(two, (0, 0))
    both.check()


@pytest.mark.parametrize("which", ["one", "two"])
def test_what_is_not_there_any_more_or_something_else_is_told(tmp_path: Path, which: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("a")
    both = InPlace.of(tmp_path / "one", tmp_path / "two")
    (tmp_path / "other").write_text("a")
    (tmp_path / "other").replace(tmp_path / which)
    with pytest.raises(OSError, match=f"{which} was replaced while the run was at work"):
        both.check()
    (tmp_path / which).unlink()
    with pytest.raises(FileNotFoundError, match=f"{which} was taken away while the run was at work"):
        both.check()


def test_what_is_not_there_cannot_be_noted(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        InPlace.of(tmp_path / "none")
