from pathlib import Path

import pytest

from cvm_async.cli.acting.journals import KEEP_DAYS, Reach, kept_runs, resume_command
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common
from cvm_async.runs.store import KEEP


def test_runs_are_kept_for_as_many_days_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert kept_runs({}).keep == KEEP
    assert kept_runs({KEEP_DAYS: ""}).keep == KEEP
    assert kept_runs({KEEP_DAYS: "7"}).keep == 7 * 86_400
    assert kept_runs({KEEP_DAYS: "0.5"}).keep == 43_200


@pytest.mark.parametrize("days", ["soon", "0", "-1", "nan", "inf"])
def test_what_is_no_number_of_days_is_refused(days: str) -> None:
    with pytest.raises(CommandError, match=KEEP_DAYS) as caught:
        kept_runs({KEEP_DAYS: days})
    assert caught.value.status is Exit.USAGE


@pytest.mark.parametrize(
    ("reach", "command"),
    [
        (Reach(), "cvm-async runs resume 1-a"),
        (Reach(("prod",)), "cvm-async runs resume 1-a --profile prod"),
        (Reach(("my panel", "b")), "cvm-async runs resume 1-a --profile 'my panel' --profile b"),
        (Reach(every=True), "cvm-async runs resume 1-a --all-profiles"),
        (Reach(insecure=True, ca_file="/a b.pem"), "cvm-async runs resume 1-a --insecure --ca-file '/a b.pem'"),
    ],
)
def test_the_command_that_goes_on_reaches_the_same_panels(reach: Reach, command: str) -> None:
    assert resume_command("1-a", reach) == command


def test_what_a_command_was_given_is_what_is_typed_again() -> None:
    common = Common(profile=("a",), insecure=True, ca_file="b.pem")
    assert Reach.of(common).flags == ["--profile", "a", "--insecure", "--ca-file", "b.pem"]
    assert Reach.of(Common(all_profiles=True)).flags_of("a") == ["--profile", "a"]
    assert Reach.of(Common()).flags_of("a") == []
