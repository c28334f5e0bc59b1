import asyncio

import pytest

from cvm_async.panel.php import Processor, SessionLocks, WorkerPool


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_scripts_run_than_there_are_workers_and_the_rest_in_order() -> None:
    pool, started, go_on = WorkerPool(2, None), list[int](), asyncio.Event()

    async def script(number: int) -> None:
        async with pool.worker():
            started.append(number)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(script(number))
        await turn()
        assert started == [0, 1]
        go_on.set()
    assert started == [0, 1, 2, 3]


async def test_a_pool_is_full_when_neither_worker_nor_queue_has_room() -> None:
    pool, go_on = WorkerPool(1, 1), asyncio.Event()

    async def script() -> None:
        async with pool.worker():
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        seen = [pool.is_full]
        for _ in range(2):
            group.create_task(script())
            await turn()
            seen.append(pool.is_full)
        go_on.set()
    assert seen == [False, False, True]
    assert not pool.is_full


@pytest.mark.parametrize(("workers", "backlog"), [(None, None), (None, 0), (1, None)])
async def test_a_pool_without_a_limit_is_never_full(workers: int | None, backlog: int | None) -> None:
    pool = WorkerPool(workers, backlog)
    async with pool.worker():
        assert not pool.is_full


async def test_a_script_that_is_given_up_in_the_queue_leaves_it() -> None:
    pool = WorkerPool(1, 1)

    async def script() -> None:
        async with pool.worker():
            pass

    async with pool.worker():
        waiting = asyncio.ensure_future(script())
        await turn()
        seen = [pool.is_full]
        waiting.cancel()
        await turn()
        seen.append(pool.is_full)
    assert seen == [True, False]
    async with asyncio.timeout(60), pool.worker():
        pass


async def test_scripts_of_one_session_run_one_after_the_other_and_others_do_not_wait() -> None:
    locks, running, go_on = SessionLocks(), list[str](), asyncio.Event()

    async def script(session: str | None, name: str) -> None:
        async with locks.session(session):
            running.append(name)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        for session, name in (("a", "first"), ("a", "second"), ("b", "other"), (None, "new")):
            group.create_task(script(session, name))
        await turn()
        assert running == ["first", "other", "new"]
        go_on.set()
    assert running[-1] == "second"


def test_one_core_does_one_thing_after_the_other() -> None:
    processor = Processor(1)
    assert [processor.book(10.0, 2.0) for _ in range(3)] == [2.0, 4.0, 6.0]


def test_two_cores_do_twice_as_much() -> None:
    processor = Processor(2)
    assert [processor.book(0.0, 0.04) for _ in range(4)] == pytest.approx([0.04, 0.04, 0.08, 0.08])


def test_a_core_that_has_been_idle_begins_at_once() -> None:
    processor = Processor(1)
    processor.book(0.0, 1.0)
    assert processor.book(5.0, 1.0) == 1.0


def test_as_many_cores_as_are_asked_for_never_wait() -> None:
    processor = Processor(None)
    assert {processor.book(0.0, 1.0) for _ in range(10)} == {1.0}
