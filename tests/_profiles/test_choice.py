"""What is said where, and which of it counts: the nearest and most explicit; what contradicts it is refused."""

import json
import pwd
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import evolve

from cvm_async import ConfigurationError
from cvm_async._profiles.choice import Access, access_of, accesses
from cvm_async._profiles.environment import Environment
from cvm_async._profiles.profile import Ways
from cvm_async._secret import Secret

WORK = '[work]\nurl = "https://work.example.net"\npublic_token = "wp"\nprivate_token = "ws3cret"\n'
HOME = '[home]\nurl = "https://home.example.net"\npublic_token = "hp"\nprivate_token = "hs3cret"\n'
BARE = '[bare]\nurl = "https://bare.example.net"\n'

WORKS = Access(
    url="https://work.example.net", public_token=Secret("wp"), private_token=Secret("ws3cret"), ways=Ways(name="work")
)
HOMES = Access(
    url="https://home.example.net", public_token=Secret("hp"), private_token=Secret("hs3cret"), ways=Ways(name="home")
)
ENVIRONS = Access(url="https://env.example.net", public_token=Secret("ep"), private_token=Secret("es3cret"))


@pytest.fixture
def nothing(tmp_path: Path) -> Environment:
    """An environment that says nothing but where the profiles are."""
    return Environment(config_home=str(tmp_path))


@pytest.fixture
def whole(nothing: Environment) -> Environment:
    """An environment that names a panel and both tokens."""
    return evolve(nothing, url=ENVIRONS.url, public_token=ENVIRONS.public_token, private_token=ENVIRONS.private_token)


def write(environment: Environment, text: str) -> Path:
    path = Path(environment.config_home) / "cvm_async" / "profiles.toml"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(text)
    return path


class TestPrecedence:
    def test_a_profile_that_is_named_counts_before_all(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "home"\n{WORK}{HOME}')
        assert accesses(["work"], evolve(nothing, profile="home")) == [WORKS]

    def test_then_the_one_that_the_environment_names(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "home"\n{WORK}{HOME}')
        assert accesses([], evolve(nothing, profile="work")) == [WORKS]

    def test_then_the_panel_that_the_environment_names(self, whole: Environment) -> None:
        write(whole, f'default_profile = "home"\n{HOME}')
        assert accesses([], whole) == [ENVIRONS]

    def test_with_the_revision_that_it_has(self, whole: Environment) -> None:
        [access] = accesses([], evolve(whole, api="2012"))
        assert access == evolve(ENVIRONS, ways=Ways(api="2012"))

    def test_then_the_default(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "home"\n{WORK}{HOME}')
        assert accesses([], nothing) == [HOMES]

    def test_a_whole_environment_needs_no_file_and_no_home(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lose_home(monkeypatch)
        assert accesses([], evolve(Environment(), url="https://x", public_token=Secret("a"), private_token=Secret("b")))

    def test_without_any_it_says_what_there_is_to_say(
        self, nothing: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.lose_home(monkeypatch)
        for environment in (nothing, Environment()):
            with pytest.raises(ConfigurationError, match=r"^no panel is named: set CVM_URL, .* --profile or CVM_PROF"):
                accesses([], environment)

    def test_a_file_without_a_default_names_no_panel(self, nothing: Environment) -> None:
        write(nothing, WORK)
        with pytest.raises(ConfigurationError, match=r"^no panel is named"):
            accesses([], nothing)

    def test_a_default_that_is_not_there_is_told(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "x"\n{WORK}')
        with pytest.raises(ConfigurationError, match=r"has no profile \[x\]; it has: work"):
            accesses([], nothing)

    def test_a_url_without_tokens_is_no_call_for_the_default(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "home"\n{HOME}')
        with pytest.raises(ConfigurationError, match=r"^not set in the environment: CVM_PUBLIC_TOKEN, CVM_PRIV"):
            accesses([], evolve(nothing, url="https://home.example.net"))

    def test_tokens_without_a_url_and_without_a_default_name_no_panel(self, nothing: Environment) -> None:
        with pytest.raises(ConfigurationError, match=r"^not set in the environment: CVM_URL$"):
            accesses([], evolve(nothing, public_token=Secret("a"), private_token=Secret("b")))

    def test_an_empty_name_does_not_end_at_the_panel_of_the_environment(self, whole: Environment) -> None:
        write(whole, WORK)
        with pytest.raises(ConfigurationError, match=r"has no profile \[\]"):
            accesses([""], whole)

    @staticmethod
    def lose_home(monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(uid: int) -> NoReturn:
            raise KeyError(uid)

        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", unknown)


class TestContradiction:
    @pytest.mark.parametrize("default", [False, True], ids=["named", "by default, and beside it half an environment"])
    def test_a_token_of_somebody_else_is_refused(self, nothing: Environment, *, default: bool) -> None:
        path = write(nothing, f'default_profile = "work"\n{WORK}')
        other = Secret("other-s3cret")
        for half, variable, environment in (
            ("public_token", "CVM_PUBLIC_TOKEN", evolve(nothing, public_token=other)),
            ("private_token", "CVM_PRIVATE_TOKEN", evolve(nothing, private_token=other)),
        ):
            with pytest.raises(ConfigurationError) as refused:
                accesses([] if default else ["work"], environment)
            assert str(refused.value) == (
                f"{variable} is not the {half} of profile [work] of {path}: unset {variable}, or take no profile"
            )

    def test_another_panel_is_refused_and_both_are_told(self, whole: Environment) -> None:
        path = write(whole, WORK)
        for environment, names in ((whole, ["work"]), (evolve(whole, profile="work"), list[str]())):
            with pytest.raises(ConfigurationError) as refused:
                accesses(names, environment)
            assert str(refused.value) == (
                f"CVM_URL says https://env.example.net, and profile [work] of {path} says https://work.example.net: "
                "unset CVM_URL, or take no profile"
            )

    def test_it_is_refused_before_any_command_is_run(self, whole: Environment, tmp_path: Path) -> None:
        touch = shlex.join([sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"])
        write(whole, f"{WORK}{BARE}public_token = 'p'\nprivate_token_command = {json.dumps(touch)}\n")
        with pytest.raises(ConfigurationError, match="CVM_URL says"):
            accesses(["bare", "work"], evolve(whole, url="https://bare.example.net"))
        assert not (tmp_path / "ran").exists()

    def test_a_password_in_an_address_is_not_shown(self, nothing: Environment) -> None:
        write(nothing, WORK)
        with pytest.raises(ConfigurationError, match="CVM_URL says another panel, and"):
            accesses(["work"], evolve(nothing, url="https://me:s3cret@work.example.net"))

    @pytest.mark.parametrize(
        "url",
        [
            "https://work.example.net",
            "https://work.example.net/",
            "https://WORK.example.net:443",
            " HTTPS://work.example.net ",
        ],
    )
    def test_the_same_panel_and_tokens_are_no_contradiction(self, nothing: Environment, url: str) -> None:
        write(nothing, WORK)
        same = evolve(nothing, url=url, public_token=Secret("wp"), private_token=Secret("ws3cret"))
        assert accesses(["work"], same) == [WORKS]

    @pytest.mark.parametrize(
        "url",
        [
            "http://work.example.net",
            "https://work.example.net:8443",
            "https://work.example.net/cvm",
            "https://work.example.net:x",
            "https://[",
            "work.example.net",
        ],
    )
    def test_another_scheme_port_or_path_is_another_panel(self, nothing: Environment, url: str) -> None:
        write(nothing, WORK)
        with pytest.raises(ConfigurationError, match=r"^CVM_URL says"):
            accesses(["work"], evolve(nothing, url=url))


class TestTokens:
    def test_what_a_profile_does_not_say_comes_from_the_environment(self, whole: Environment) -> None:
        write(whole, BARE)
        (found,) = accesses(["bare"], evolve(whole, url=""))
        assert (found.url, found.public_token, found.private_token) == (
            "https://bare.example.net",
            ENVIRONS.public_token,
            ENVIRONS.private_token,
        )

    def test_which_revision_a_panel_has_the_environment_tells_where_a_profile_does_not(
        self, nothing: Environment
    ) -> None:
        write(nothing, f'{HOME}{WORK}api = "auto"\n')
        told = accesses(["home", "work"], evolve(nothing, api="2013"))
        assert [access.ways.api for access in told] == ["2013", "auto"]
        assert [access.ways.api for access in accesses(["home", "work"], nothing)] == [None, "auto"]

    def test_where_neither_says_it_all_ways_are_told(self, nothing: Environment) -> None:
        path = write(nothing, f"{BARE}public_token = 'p'\n")
        with pytest.raises(ConfigurationError) as refused:
            accesses(["bare"], nothing)
        assert str(refused.value) == (
            f"profile [bare] of {path} lacks private_token: add it, or private_token_command or private_token_keyring, "
            "or set CVM_PRIVATE_TOKEN"
        )

    def test_a_command_is_asked_and_its_token_must_be_that_of_the_environment_too(self, nothing: Environment) -> None:
        command = shlex.join([sys.executable, "-c", "print('s3cret')"])
        write(nothing, f"{BARE}public_token = 'p'\nprivate_token_command = {json.dumps(command)}\n")
        for environment in (nothing, evolve(nothing, private_token=Secret("s3cret"))):
            assert accesses(["bare"], environment)[0].private_token == Secret("s3cret")
        with pytest.raises(ConfigurationError, match=r"^CVM_PRIVATE_TOKEN is not the private_token of"):
            accesses(["bare"], evolve(nothing, private_token=Secret("another")))

    def test_among_several_none_takes_it_from_the_environment(self, whole: Environment) -> None:
        write(whole, f"{BARE}{WORK}")
        with pytest.raises(ConfigurationError, match=r"lacks public_token; among several profiles none takes it from"):
            accesses(["bare", "work"], evolve(whole, url=""))


class TestSeveral:
    @pytest.mark.parametrize(
        ("names", "every"),
        [(["work,home"], False), (["work", "home"], False), (["work, home,work"], False), ([], True)],
        ids=["with a comma", "one by one", "one twice", "all"],
    )
    def test_several_are_in_the_order_in_which_they_are_named(
        self, nothing: Environment, names: Sequence[str], *, every: bool
    ) -> None:
        write(nothing, f"{WORK}{HOME}")
        assert accesses(names, nothing, every=every) == [WORKS, HOMES]

    def test_the_environment_may_name_several(self, nothing: Environment) -> None:
        write(nothing, f"{WORK}{HOME}")
        assert accesses([], evolve(nothing, profile="home,work")) == [HOMES, WORKS]

    def test_all_are_all_also_where_the_environment_names_one(self, nothing: Environment) -> None:
        write(nothing, f"{WORK}{HOME}")
        assert accesses([], evolve(nothing, profile="home"), every=True) == [WORKS, HOMES]

    def test_a_name_that_has_a_comma_is_found(self, nothing: Environment) -> None:
        write(nothing, WORK.replace("[work]", '["work,home"]'))
        assert accesses(["work,home"], nothing)[0].url == WORKS.url

    def test_all_of_none_is_told(self, nothing: Environment) -> None:
        path = write(nothing, "")
        with pytest.raises(ConfigurationError, match=f"there are no profiles in {path}; cvm-async profile add makes"):
            accesses([], nothing, every=True)

    def test_panels_of_one_name_go_by_their_profiles(self, nothing: Environment) -> None:
        write(nothing, f"{WORK}name = 'CVM'\n{HOME}name = 'CVM'\n")
        assert accesses([], nothing, every=True) == [WORKS, HOMES]
        assert accesses(["home"], nothing)[0].ways.name == "CVM"


class TestOne:
    def test_a_caller_may_name_it(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "home"\n{WORK}{HOME}')
        assert access_of("work", evolve(nothing, profile="home")) == WORKS

    def test_or_the_environment_or_the_file(self, nothing: Environment) -> None:
        write(nothing, f'default_profile = "home"\n{WORK}{HOME}')
        assert access_of(None, evolve(nothing, profile="work")) == WORKS
        assert access_of(None, nothing) == HOMES

    def test_where_none_is_named_it_says_so(self, nothing: Environment) -> None:
        path = write(nothing, WORK)
        with pytest.raises(ConfigurationError, match=f"^no profile is named, and {path} has no default: cvm-async"):
            access_of(None, nothing)

    def test_whoever_asks_for_a_profile_is_not_given_the_panel_of_the_environment(self, whole: Environment) -> None:
        write(whole, f'default_profile = "home"\n{HOME}')
        with pytest.raises(ConfigurationError, match=r"^CVM_URL says"):
            access_of(None, whole)
