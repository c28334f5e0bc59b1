"""Where things are: the cluster's database, which is Postgres as the guards are Postgres's; and its panels."""

import sqlite3

from cvm_async._checks import refuse
from cvm_async._exchange.address import panel_url
from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError

_SCHEMES = ("postgresql://", "postgres://")
_DBOS_NEEDS = (3, 42, 0)
"""Below it SQLite takes no "subsec", and DBOS's own tables cannot be written (seen with DBOS 3.4 and SQLite 3.40)."""


def database_address(text: object) -> Secret:
    """Give the database's address, which may hold a password.

    Raises:
        ConfigurationError: It is not of Postgres.
    """
    if not isinstance(text, str) or not text.startswith((*_SCHEMES, "sqlite")):
        refuse("database", "an address such as postgresql://user@host/name", text, secret=True)
    if text.startswith("sqlite"):
        too_old = (
            f"; and this Python's SQLite is {sqlite3.sqlite_version}, where DBOS needs 3.42"
            if sqlite3.sqlite_version_info < _DBOS_NEEDS
            else ""
        )
        msg = (
            "a cluster needs Postgres, whose locks say which worker may act on a panel: SQLite has none between "
            f"machines{too_old}. On one machine a Fleet with a RunStore keeps its runs in SQLite"
        )
        raise ConfigurationError(msg)
    return Secret(text)


def address_of(url: str) -> str:
    """Give a panel's URL as its VPSes are named by it.

    Raises:
        ConfigurationError: It is none.
    """
    # Whether tokens may go there is asked where they are sent.
    return str(panel_url(url, allow_insecure=True))
