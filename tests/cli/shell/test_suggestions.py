"""What is suggested is close to what was typed."""

import pytest

from cvm_async.cli.shell.suggestions import only_close


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Unknown command "sttus". Did you mean "status"? Available commands: list.', None),
        ("Unknown option: --colums. Did you mean --columns?", None),
        ("Unknown option: --bogus. Did you mean --verbose?", "Unknown option: --bogus."),
        ("Unknown option: --insecur. Did you mean --insecure?", "Unknown option: --insecur."),
        ('Unknown command "x". Did you mean "wait"? Available', 'Unknown command "x". Available'),
        ("Unknown option: --bogus.", None),
    ],
)
def test_only_what_is_close_is_suggested_and_never_what_harms(said: str, told: str | None) -> None:
    assert only_close(said) == (said if told is None else told)
