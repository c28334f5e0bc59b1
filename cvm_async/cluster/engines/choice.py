"""The engines by name. Each is loaded when it is asked for: it is an extra, and slow to load."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.util import find_spec

from attrs import frozen

from cvm_async._checks import refuse
from cvm_async._secret import Secret
from cvm_async.cluster.engines.engine import Engine, Queue
from cvm_async.errors import MissingExtraError


@frozen
class Known:
    """An engine that there is.

    Attributes:
        needs: The packages that it needs.
        queue: Opens it for who has runs to be done.
        engine: Makes it for a worker, of the database's address and the worker's name.
    """

    needs: tuple[str, ...]
    queue: Callable[[Secret], Awaitable[Queue]]
    engine: Callable[[Secret, str], Engine]


async def _dbos_queue(url: Secret) -> Queue:
    from cvm_async.cluster.engines.dbos_engine import DbosQueue  # noqa: PLC0415 - an extra, and slow to load

    return await DbosQueue.opened(url)


def _dbos_engine(url: Secret, worker: str) -> Engine:
    from cvm_async.cluster.engines.dbos_engine import DbosEngine  # noqa: PLC0415 - likewise

    return DbosEngine(url, worker)


ENGINES: Mapping[str, Known] = {"dbos": Known(("psycopg", "dbos"), _dbos_queue, _dbos_engine)}
"""All that there are."""


def engine_of(name: object) -> Known:
    """Give the engine of that name.

    Raises:
        ConfigurationError: There is none.
        MissingExtraError: The extra `cluster` is not installed.
    """
    if not isinstance(name, str) or name not in ENGINES:
        refuse("engine", " or ".join(map(repr, ENGINES)), name)
    for package in ENGINES[name].needs:
        if find_spec(package) is None:
            message = f"a cluster needs {package}: pip install 'cvm_async[cluster]'"
            raise MissingExtraError(message, name=package)
    return ENGINES[name]
