"""Options before the verb are options behind it."""

import pytest
from cyclopts import App

from cvm_async.cli.reading import list_vpses
from cvm_async.cli.shell.anywhere import in_place

APP = App(name="cvm-async")
for name in ("list", "status"):
    APP.command(list_vpses, name=name)
PROFILE = App(name="profile")
PROFILE.command(list_vpses, name="list")
APP.command(PROFILE)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("status web1 --profile prod", "status web1 --profile prod"),
        ("--profile prod status web1", "status --profile prod web1"),
        ("--profile=prod status web1", "status --profile=prod web1"),
        ("-o json --profile a --all-profiles status -- -x", "status -o json --profile a --all-profiles -- -x"),
        ("-q -v list", "list -q -v"),
        ("--json profile list", "profile list --json"),
        ("--profile list list", "list --profile list"),
        ("--profile prod --help", "--help --profile prod"),
        ("--bogus status", "status --bogus"),
        ("--profile prod nonsense", "nonsense --profile prod"),
        ("--profile prod", "--profile prod"),
        ("--profile", "--profile"),
        ("--help", "--help"),
        ("--version", "--version"),
        ("-- status", "-- status"),
        ("- status", "- status"),
        ("", ""),
    ],
)
def test_they_are_moved_behind_the_command(typed: str, read: str) -> None:
    assert in_place(APP, typed.split(), lambda: list_vpses) == read.split()
