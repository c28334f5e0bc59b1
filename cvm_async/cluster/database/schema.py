"""The tables, and the statements over them that several modules need. No token is ever in one of them."""

from typing import Final, LiteralString

from cvm_async.cluster.database.postgres import Database, Statement
from cvm_async.errors import ConfigurationError

FORMAT: Final = 1
"""What the database says of its tables; another number is another version's."""

_TABLES: tuple[LiteralString, ...] = (
    """
CREATE SCHEMA IF NOT EXISTS cvm_async
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.format (number int PRIMARY KEY)
""",
    """
INSERT INTO cvm_async.format SELECT 1 WHERE NOT EXISTS (SELECT FROM cvm_async.format)
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.runs (
    id text PRIMARY KEY, name text NOT NULL, verb text NOT NULL, rollout text NOT NULL,
    wait boolean NOT NULL, timeout float8, "interval" float8 NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(), by_user text NOT NULL, host text NOT NULL,
    stopped text, failures int NOT NULL DEFAULT 0, most_failures int
)
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.shards (
    run text NOT NULL REFERENCES cvm_async.runs ON DELETE CASCADE, number int NOT NULL,
    address text NOT NULL, region text NOT NULL, profiles text NOT NULL,
    state text NOT NULL DEFAULT 'queued', worker text,
    total int NOT NULL DEFAULT 0, problems text NOT NULL DEFAULT '[]',
    PRIMARY KEY (run, number)
)
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.panels (address text PRIMARY KEY, epoch bigint NOT NULL, worker text NOT NULL)
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.targets (
    run text NOT NULL, shard int NOT NULL, place int NOT NULL,
    panel text NOT NULL, vps text NOT NULL, seen text,
    state text NOT NULL DEFAULT 'todo', epoch bigint, sent_at timestamptz, ended_at timestamptz,
    error text, error_type text, outcome text, changed xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (run, shard, place), FOREIGN KEY (run, shard) REFERENCES cvm_async.shards ON DELETE CASCADE
) WITH (fillfactor = 60)
""",
    """
CREATE INDEX IF NOT EXISTS targets_sent ON cvm_async.targets (run, shard) WHERE state = 'sent'
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.turns (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run text NOT NULL, shard int NOT NULL, epoch bigint NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz, by_user text NOT NULL, host text NOT NULL,
    pid int NOT NULL, ending text,
    FOREIGN KEY (run, shard) REFERENCES cvm_async.shards ON DELETE CASCADE
)
""",
    """
CREATE TABLE IF NOT EXISTS cvm_async.workers (
    id text PRIMARY KEY, region text, backend int NOT NULL, began text NOT NULL, lease float8 NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
)
""",
)
_ALONE: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('cvm_async tables', 0))"

HELD: LiteralString = """
EXISTS (SELECT FROM cvm_async.panels WHERE address = %(address)s AND epoch = %(epoch)s FOR SHARE)
"""
"""Whether the panel is still ours. The row is locked until this commits: nobody takes the panel in between."""


async def prepare(database: Database) -> None:
    """Make the tables where they are missing.

    Raises:
        ConfigurationError: They are another version's.
        CvmError: They cannot be made.
    """
    [[there]] = (await database.write(("SELECT to_regclass('cvm_async.workers') IS NOT NULL", {})))[0:1]
    if not there[0]:
        tables: list[Statement] = [(table, {}) for table in _TABLES]
        await database.write((_ALONE, {}), *tables, alone=True)
    found = (await database.write(("SELECT number FROM cvm_async.format", {})))[0][0][0]
    if found != FORMAT:
        msg = f"the cluster's tables are of format {found}, and this version reads {FORMAT}"
        raise ConfigurationError(msg)
