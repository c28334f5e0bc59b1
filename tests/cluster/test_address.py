import re
import sqlite3

import pytest

from cvm_async import ConfigurationError
from cvm_async.cluster.address import address_of, database_address


@pytest.mark.parametrize("text", ["postgresql://cvm@db.example.net/cvm", "postgres:///cvm?host=/run/postgresql"])
def test_a_database_is_a_postgres_and_its_password_is_not_shown(text: str) -> None:
    address = database_address(text)
    assert address.reveal() == text
    assert text not in repr(address)


@pytest.mark.parametrize("given", ["mysql://db/cvm", "", "host=db dbname=cvm", 7, None])
def test_what_is_no_postgres_is_refused_without_being_shown(given: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^database must be an address such as postgresql://") as refused:
        database_address(given)
    assert "db" not in str(refused.value).replace("user@host", "")


@pytest.mark.parametrize(
    ("version", "told"),
    [((3, 40, 1), True), ((3, 41, 9), True), ((3, 42, 0), False), ((3, 50, 4), False)],
    ids=["debian 12", "just too old", "just new enough", "newer"],
)
def test_sqlite_is_refused_and_told_where_it_is_too_old_for_dbos(
    version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with pytest.raises(ConfigurationError, match="a cluster needs Postgres") as refused:
        database_address("sqlite:///cvm.sqlite")
    assert bool(re.search(r"SQLite is 3\.\d+\.\d+, where DBOS needs 3\.42", str(refused.value))) is told


def test_two_spellings_of_a_panels_url_are_one_address() -> None:
    assert address_of("https://panel.example.net/") == address_of("https://Panel.example.net:443")


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        address_of("ftp://panel")
