"""A secret is what it was, and nobody finds it."""

import copy
import gc
import pickle

import pytest
from hypothesis import given, strategies as st

from cvm_async._secret import Secret, masked


@given(st.text(st.characters()))
def test_a_secret_gives_back_what_it_was_made_of(text: str) -> None:
    assert Secret(text).reveal() == text


@given(st.binary())
def test_to_mask_twice_is_to_unmask(text: bytes) -> None:
    assert masked(masked(text)) == text


def test_what_is_not_utf_8_in_an_environment_is_kept_too() -> None:
    assert Secret("a\udcffb").reveal() == "a\udcffb"


def test_secrets_compare_by_what_they_hide() -> None:
    assert Secret("s3cret") == Secret("s3cret")
    assert hash(Secret("s3cret")) == hash(Secret("s3cret"))
    assert Secret("s3cret") != Secret("other")
    assert Secret("s3cret") != "s3cret"


def test_a_secret_shows_nothing() -> None:
    secret = Secret("s3cret")
    assert repr(secret) == str(secret) == f"{secret}" == "Secret(…)"
    assert not [each for each in gc.get_referents(secret) if each in {"s3cret", b"s3cret"}]


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_does_not_leave_the_process(leave: object) -> None:
    assert callable(leave)
    with pytest.raises(TypeError, match="not pickled"):
        leave(Secret("s3cret"))
