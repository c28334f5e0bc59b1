"""A profile is checked key by key, and its tokens come from one place each."""

from pathlib import Path

import pytest

from cvm_async import ConfigurationError, Limits, Retry, Timeouts
from cvm_async._profiles.file import read_profiles
from cvm_async._profiles.profile import KEYS, Profile, Ways, profile_of
from cvm_async._profiles.sources import Command, KeyringEntry, Source
from cvm_async._secret import Secret

URL = 'url = "https://panel.example.net"\n'
WHOLE = f'{URL}public_token = "p"\nprivate_token = "s3cret"\n'


def profile(folder: Path, text: str) -> Profile:
    path = folder / "profiles.toml"
    path.touch(mode=0o600)
    path.write_text(f"[home]\n{text}")
    return profile_of(read_profiles(path), "home")


def test_a_panel_and_two_tokens_are_enough(tmp_path: Path) -> None:
    assert profile(tmp_path, WHOLE) == Profile(
        called=f"profile [home] of {tmp_path / 'profiles.toml'}",
        url="https://panel.example.net",
        public_token=Secret("p"),
        private_token=Secret("s3cret"),
        ways=Ways(name="home"),
    )


def test_all_that_it_may_say_reaches_the_session(tmp_path: Path) -> None:
    found = profile(
        tmp_path,
        f'{WHOLE}name = "Cellar"\nallow_insecure = true\nca_file = "/etc/ca.pem"\nconnect_timeout = 1\n'
        "read_timeout = 2.5\naction_timeout = 3\ntotal_timeout = 4\nmax_concurrency = 5\nper_node = 6\n"
        'retries = 6\nmax_wait = 8\napi = "2013"\n',
    )
    assert found.ways == Ways(
        name="Cellar",
        allow_insecure=True,
        ca_file="/etc/ca.pem",
        timeouts=Timeouts(connect=1, read=2.5, action=3, total=4),
        limits=Limits(max_concurrency=5, per_node=6),
        retry=Retry(attempts=7, max_wait=8),
        api="2013",
    )


def test_no_retries_leave_one_try(tmp_path: Path) -> None:
    assert profile(tmp_path, f"{URL}retries = 0\n").ways.retry.attempts == 1


def test_concurrency_may_find_itself(tmp_path: Path) -> None:
    assert profile(tmp_path, f'{URL}max_concurrency = "adaptive"\n').ways.limits.max_concurrency == "adaptive"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("", None),
        ("private_token = 's3cret'", Secret("s3cret")),
        ("private_token_command = 'pass show cvm'", Command(Secret("pass show cvm"))),
        ("private_token_keyring = 'cvm_async:home'", KeyringEntry("cvm_async", "home")),
    ],
    ids=["elsewhere", "here", "command", "keyring"],
)
@pytest.mark.parametrize("half", ["public", "private"])
def test_a_token_comes_from_one_place(tmp_path: Path, half: str, text: str, source: Source | None) -> None:
    found = profile(tmp_path, URL + text.replace("private", half))
    assert {"public": found.public_token, "private": found.private_token}[half] == source


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", " lacks url"),
        ("private_token = 's3cret'", " lacks url"),
        (
            f"{URL}'port\u202e' = 's3cret'",
            " has the key 'port\ufffd', which means nothing; known are",
        ),
        (f"{URL}[home.sub]\ntoken = 's3cret'", " has the key 'sub', which means nothing; known are url, public_token,"),
        (
            f"{URL}private_token = 's3cret'\nprivate_token_command = 's3cret'",
            " says private_token and private_token_command: one of them is enough",
        ),
        ("url = 1", ": url must be a text"),
        (f"{URL}private_token = 54321", ": private_token must be a text"),
        (f"{URL}private_token = ['s3cret']", ": private_token must be a text"),
        (f"{URL}public_token_command = ['s3cret']", ": public_token_command must be a text"),
        (f"{URL}private_token_keyring = 's3cret'", ': private_token_keyring must be a text such as "service:user"'),
        (f"{URL}private_token_keyring = true", ': private_token_keyring must be a text such as "service:user"'),
        (f"{URL}allow_insecure = 'yes'", ": allow_insecure must be true or false"),
        (f"{URL}allow_insecure = 1", ": allow_insecure must be true or false"),
        (f"{URL}ca_file = true", ": ca_file must be a text"),
        (f"{URL}name = {{}}", ": name must be a text"),
        (f"{URL}connect_timeout = 0", ": connect_timeout must be a number of seconds above 0"),
        (f"{URL}read_timeout = nan", ": read_timeout must be a number of seconds above 0"),
        (f"{URL}action_timeout = inf", ": action_timeout must be a number of seconds above 0"),
        (f"{URL}total_timeout = true", ": total_timeout must be a number of seconds above 0"),
        (f"{URL}max_wait = '1'", ": max_wait must be a number of seconds above 0"),
        (f"{URL}max_concurrency = 'all'", ': max_concurrency must be a whole number of at least 1, or "adaptive"'),
        (f"{URL}per_node = 1.0", ": per_node must be a whole number of at least 1"),
        (f"{URL}retries = -1", ": retries must be a whole number from 0 on"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why_and_shows_no_token(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        profile(tmp_path, text)
    assert str(refused.value).startswith(f"profile [home] of {tmp_path / 'profiles.toml'}{sentence}")
    assert "s3cret" not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("key", KEYS)
def test_no_key_takes_what_is_of_another_kind(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{key} must be "):
        profile(tmp_path, f"{key} = [1979-05-27]\n")


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("ca.pem", "{folder}/ca.pem"),
        ("sub/../ca.pem", "{folder}/sub/../ca.pem"),
        ("/etc/ca.pem", "/etc/ca.pem"),
        ("~/keys/ca.pem", "/home/alice/keys/ca.pem"),
    ],
    ids=["beside it", "below it", "elsewhere", "in the home directory"],
)
def test_an_authority_is_looked_for_beside_the_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, found: str
) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert profile(tmp_path, f"{URL}ca_file = '{named}'\n").ways.ca_file == found.format(folder=tmp_path)
