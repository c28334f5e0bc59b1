import asyncio
import logging

import httpx
import pytest
from mocked import LIST, URL, answer, logged, refusal, session_over
from virtual_time import virtual

from cvm_async import CallEnd, ConfigurationError, CvmSession, VpsNotFoundError
from cvm_async.settings import Retry


def session_answering(*answers: httpx.Response | Exception) -> CvmSession:
    left = iter(answers)

    def handle(_: httpx.Request) -> httpx.Response:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    return session_over(httpx.MockTransport(handle), retry=Retry(attempts=2))


def told(end: CallEnd) -> tuple[str, int | None, int, str, int | None]:
    return end.verb, end.vps_id, end.attempt, end.result, end.status_code


@virtual
async def test_each_request_that_is_over_is_told_once() -> None:
    ends: list[CallEnd] = []
    unknown = refusal(404, "The specified VPS ID does not exist or is not accessible to this user.")
    answers = (answer(200, LIST), unknown, httpx.ConnectError("refused"), answer(200, {"response": []}))
    async with session_answering(*answers) as session:
        session.observe(ends.append)
        await session.list_vpses()
        with pytest.raises(VpsNotFoundError):
            await session.status(1)
        await session.stop(1)
    assert [told(end) for end in ends] == [
        ("list", None, 1, "ok", 200),
        ("status", 1, 1, "vps_not_found", 404),
        ("stop", 1, 1, "not_sent", None),
        ("stop", 1, 2, "ok", 200),
    ]
    assert {end.panel for end in ends} == {httpx.URL(URL).host}
    assert all(end.seconds >= 0 for end in ends)


@virtual
async def test_a_request_that_was_cancelled_is_told_of_too() -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1e6)
        raise AssertionError

    ends: list[CallEnd] = []
    async with session_over(httpx.MockTransport(never)) as session:
        session.observe(ends.append)
        task = asyncio.create_task(session.status(1))
        await asyncio.sleep(1)
        assert session.in_flight == 1
        task.cancel()
        await asyncio.wait([task])
        assert session.in_flight == 0
    assert [told(end) for end in ends] == [("status", 1, 1, "cancelled", None)]


@virtual
async def test_an_observer_that_fails_harms_neither_the_call_nor_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: CallEnd) -> None:
        raise ValueError

    ends: list[CallEnd] = []
    async with session_answering(answer(200, LIST)) as session:
        session.observe(fail)
        session.observe(ends.append)
        assert await session.list_vpses()
    assert len(ends) == 1
    assert logged(caplog, logging.ERROR) == [f"{httpx.URL(URL).host}: what observes the calls failed"]


@virtual
async def test_whoever_has_enough_is_told_no_more() -> None:
    ends: list[CallEnd] = []
    async with session_answering(answer(200, LIST), answer(200, LIST)) as session:
        enough = session.observe(ends.append)
        await session.list_vpses()
        enough()
        await session.list_vpses()
    assert len(ends) == 1


async def observe(_: CallEnd) -> None: ...


@pytest.mark.parametrize("observer", [None, "me", observe])
@virtual
async def test_what_cannot_be_called_or_would_have_to_be_awaited_is_refused(observer: object) -> None:
    async with session_answering() as session:
        with pytest.raises(ConfigurationError, match="observer must be a plain function, as it is not awaited"):
            session.observe(observer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
