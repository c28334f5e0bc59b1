"""Which panel and as whom: from a profile that nobody else can read, or from the environment."""

import os
import pwd
import ssl
from pathlib import Path
from typing import NoReturn

import pytest
import trustme

from cvm_async.cli.profiles import Profile, chosen_profile, profiles_path, trusting
from cvm_async.errors import ConfigurationError

ENVIRONMENT = {"CVM_URL": "https://panel.example.net", "CVM_PUBLIC_TOKEN": "public", "CVM_PRIVATE_TOKEN": "s3cret"}
WHOLE = 'url = "https://other.example.net"\npublic_token = "p"\nprivate_token = "s3cret"\n'


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def write(environ: dict[str, str], text: str | bytes, mode: int = 0o600) -> Path:
    path = profiles_path(environ)
    path.parent.mkdir()
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def test_without_a_name_the_environment_says_which_panel(environ: dict[str, str]) -> None:
    profile = chosen_profile(None, environ | ENVIRONMENT)
    assert profile == Profile(url="https://panel.example.net", public_token="public", private_token="s3cret")


def test_a_profile_is_taken_by_its_name_also_where_the_environment_names_a_panel(environ: dict[str, str]) -> None:
    write(environ, f"[home]\n{WHOLE}allow_insecure = true\n")
    assert chosen_profile("home", environ | ENVIRONMENT) == Profile(
        url="https://other.example.net", public_token="p", private_token="s3cret", name="home", allow_insecure=True
    )


def test_a_profile_can_give_the_panel_another_name(environ: dict[str, str]) -> None:
    write(environ, f'[home]\n{WHOLE}name = "Cellar"\n')
    assert chosen_profile("home", environ).name == "Cellar"


def test_a_profile_does_not_show_its_tokens(environ: dict[str, str]) -> None:
    assert repr(chosen_profile(None, environ | ENVIRONMENT)) == "<Profile None for 'https://panel.example.net'>"


@pytest.mark.parametrize("home", ["", "relative/path"])
def test_the_profiles_are_in_the_home_directory_where_xdg_says_nothing_of_use(home: str) -> None:
    assert profiles_path({"XDG_CONFIG_HOME": home}) == Path.home() / ".config" / "cvm_async" / "profiles.toml"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (WHOLE, "has no profile [home]; it has: url, public_token, private_token"),
        ("", "has no profile [home]; it has: none"),
        (
            f"[home]\n{WHOLE}port = 1\n",
            "profile [home] of {path} has the key 'port', which means nothing; known are url,",
        ),
        ("[home]\nurl = 1\n", "profile [home] of {path}: url must be a str, not a int"),
        (f'[home]\n{WHOLE}allow_insecure = "yes"\n', "allow_insecure must be a bool, not a str"),
        ('[home]\nurl = "https://x"\n', "profile [home] of {path} lacks public_token, private_token"),
        ("[home]\nca_file = true\n", "profile [home] of {path}: ca_file must be a str, not a bool"),
        ("[home]\nprivate_token = s3cret\n", "{path} is not TOML"),
        (b'[home]\nurl = "\xff"\n', "{path} is not TOML"),
        (b"\xff\xfe[\x00h\x00]\x00", "{path} is not TOML"),
        ("a = " + "[" * 100_000, "{path} is nested too deep"),
    ],
    ids=[
        "no table",
        "empty",
        "unknown key",
        "no text",
        "no switch",
        "incomplete",
        "no file",
        "no TOML",
        "no UTF-8",
        "UTF-16",
        "nested without end",
    ],
)
def test_a_profile_that_cannot_be_used_says_why_and_shows_no_token(
    environ: dict[str, str], text: str | bytes, sentence: str
) -> None:
    path = write(environ, text)
    with pytest.raises(ConfigurationError) as caught:
        chosen_profile("home", environ)
    assert sentence.format(path=path) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_file_that_others_may_read_is_refused_with_the_cure(environ: dict[str, str]) -> None:
    path = write(environ, f"[home]\n{WHOLE}", mode=0o640)
    with pytest.raises(ConfigurationError, match=f"other users of this machine may use it: chmod 600 {path}"):
        chosen_profile("home", environ)


def test_where_permissions_are_kept_elsewhere_they_are_not_looked_at(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(environ, f"[home]\n{WHOLE}", mode=0o644)
    monkeypatch.setattr("cvm_async.cli.profiles._POSIX", False)
    assert chosen_profile("home", environ).name == "home"


def test_a_byte_order_mark_before_the_profiles_is_not_read(environ: dict[str, str]) -> None:
    write(environ, f"\ufeff[home]\n{WHOLE}")
    assert chosen_profile("home", environ).name == "home"


def test_without_a_file_there_are_no_profiles(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"there are no profiles: .* does not exist"):
        chosen_profile("home", environ)


def test_a_file_that_cannot_be_read_says_why(environ: dict[str, str]) -> None:
    profiles_path(environ).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"the profiles of .* cannot be read: Is a directory"):
        chosen_profile("home", environ)


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("/dev/null", "cannot be read: Not a directory"),
        ("/srv/\0", "cannot be read: embedded null byte"),
        ("/srv/\udcff\x1b[2J", "there are no profiles: /srv/\ufffd\ufffd[2J/cvm_async/profiles.toml does not exist"),
        ("/" + "x" * 300, "cannot be read: File name too long"),
    ],
    ids=["a file", "a NUL", "no UTF-8, and a control", "too long"],
)
def test_a_folder_that_cannot_be_one_says_so_and_is_safe_to_print(folder: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chosen_profile("home", {"XDG_CONFIG_HOME": folder})
    assert sentence in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.__context__ is None


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user whom the system does not know, as in a container."""

    def unknown(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_a_home_is_looked_for_only_where_a_profile_is() -> None:
    assert chosen_profile(None, ENVIRONMENT).url == "https://panel.example.net"
    with pytest.raises(ConfigurationError, match="no panel is named"):
        chosen_profile(None, {})
    with pytest.raises(ConfigurationError, match=r"no home directory to look for profiles in: set HOME, or XDG_"):
        chosen_profile("home", ENVIRONMENT)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_profiles_are_found_where_xdg_says(environ: dict[str, str]) -> None:
    write(environ, f"[home]\n{WHOLE}")
    assert chosen_profile("home", environ).name == "home"


def test_a_variable_that_is_set_to_nothing_names_no_profile(environ: dict[str, str]) -> None:
    assert chosen_profile("", environ | ENVIRONMENT | {"CVM_PROFILE": ""}).name is None


def test_an_empty_name_on_the_command_line_does_not_end_at_the_panel_of_the_environment(
    environ: dict[str, str],
) -> None:
    write(environ, f"[home]\n{WHOLE}")
    with pytest.raises(ConfigurationError, match=r"has no profile \[\]"):
        chosen_profile("", environ | ENVIRONMENT)


@pytest.mark.parametrize(
    ("named", "found"),
    [("ca.pem", "{folder}/ca.pem"), ("sub/../ca.pem", "{folder}/sub/../ca.pem"), ("/etc/ca.pem", "/etc/ca.pem")],
    ids=["beside it", "below it", "elsewhere"],
)
def test_an_authority_is_looked_for_beside_the_profiles(environ: dict[str, str], named: str, found: str) -> None:
    path = write(environ, f"[home]\n{WHOLE}ca_file = '{named}'\n")
    assert chosen_profile("home", environ).ca_file == found.format(folder=path.parent)


def test_an_authority_may_be_in_the_home_directory(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    write(environ, f"[home]\n{WHOLE}ca_file = '~/keys/ca.pem'\n")
    assert chosen_profile("home", environ).ca_file == "/home/alice/keys/ca.pem"


def test_only_who_an_authority_vouches_for_is_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = trusting(str(tmp_path / "ca.pem"))
    assert len(context.get_ca_certs()) == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("/nowhere/ca.pem", "the certificates of '/nowhere/ca.pem' cannot be read: No such file or directory"),
        ("/", "the certificates of '/' cannot be read: Is a directory"),
        ("", "the certificates of '' cannot be read: No such file or directory"),
        ("a\0", "the certificates of 'a\ufffd' cannot be read: embedded null byte"),
        ("/dev/null", "/dev/null holds no certificate in PEM"),
        (__file__, f"{__file__} holds no certificate in PEM"),
    ],
    ids=["absent", "a folder", "no name", "a NUL", "empty", "something else"],
)
def test_an_authority_that_cannot_be_read_is_named(file: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        trusting(file)
    assert str(caught.value) == sentence


def test_a_half_set_environment_says_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match=r"^not set in the environment: CVM_PUBLIC_TOKEN, CVM_PRIVATE_TOKEN$"):
        chosen_profile(None, {"CVM_URL": "https://panel.example.net", "CVM_PRIVATE_TOKEN": ""})


def test_no_configuration_at_all_says_both_ways(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"set CVM_URL, .*, or name a profile with --profile or CVM_PROFILE"):
        chosen_profile(None, environ)


def test_the_process_environment_is_looked_at_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setitem(os.environ, name, value)
    assert chosen_profile(None).url == "https://panel.example.net"
