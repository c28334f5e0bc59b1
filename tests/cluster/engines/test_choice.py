import sys

import pytest

from cvm_async import ClusterFleet, ConfigurationError, MissingExtraError
from cvm_async.cluster.engines.choice import engine_of


@pytest.mark.parametrize("name", ["celery", "", None, 7, ["dbos"]])
def test_an_engine_that_there_is_none_of_is_refused(name: object) -> None:
    with pytest.raises(ConfigurationError, match="engine must be 'dbos', not"):
        engine_of(name)


@pytest.mark.parametrize("package", ["psycopg", "dbos"])
def test_without_the_extra_it_is_said_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"a cluster needs {package}: pip install 'cvm_async\[cluster\]'"):
        ClusterFleet(engine="dbos", database="postgresql://cvm@db/cvm", profiles=("*",))
