from cluster.local import LocalEngine
from cvm_async.cluster.engines.engine import Engine, Queue


def test_what_is_no_engine_of_anybodys_can_be_one() -> None:
    local = LocalEngine()
    queue: Queue = local
    engine: Engine = local
    assert local in (queue, engine)
