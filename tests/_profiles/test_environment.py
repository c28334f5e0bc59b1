"""What the environment says is read once, and shows no token."""

import pytest

from cvm_async import ConfigurationError
from cvm_async._profiles.environment import Environment
from cvm_async._secret import Secret

WHOLE = {"CVM_URL": "https://panel.example.net", "CVM_PUBLIC_TOKEN": "public", "CVM_PRIVATE_TOKEN": "s3cret"}


def test_all_that_is_set_is_read() -> None:
    read = Environment.of(WHOLE | {"CVM_PROFILE": "work", "XDG_CONFIG_HOME": "/srv", "CVM_API": "2013"})
    assert read == Environment("https://panel.example.net", Secret("public"), Secret("s3cret"), "work", "/srv", "2013")
    assert read.missing == []
    assert read.pair() == (Secret("public"), Secret("s3cret"))


def test_a_variable_that_is_set_to_nothing_is_not_set() -> None:
    assert Environment.of(dict.fromkeys([*WHOLE, "CVM_PROFILE", "CVM_API"], "")) == Environment()


@pytest.mark.parametrize("variable", WHOLE)
def test_what_is_missing_is_named(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^not set in the environment: {variable}$"):
        Environment.of({key: value for key, value in WHOLE.items() if key != variable}).pair()


def test_this_process_own_is_read_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVM_URL", "https://here.example.net")
    assert Environment.of().url == "https://here.example.net"
    assert Environment.of({}).url == ""


def test_nobody_who_prints_it_finds_a_token() -> None:
    assert "s3cret" not in repr(Environment.of(WHOLE))
