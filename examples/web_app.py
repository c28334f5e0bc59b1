"""A small web service (FastAPI): the fleet as JSON, one VPS, and a restart that answers at once.

    pip install cvm_async fastapi uvicorn
    export CVM_URL=… CVM_PUBLIC_TOKEN=… CVM_PRIVATE_TOKEN=… API_KEY=…
    uvicorn --app-dir examples web_app:app
    curl -X POST -H "Authorization: Bearer $API_KEY" localhost:8000/vps/web1/restart

One session serves all requests, from the start of the app to its end: it keeps to the panel's limits for all of them.
"""

import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cvm_async import (
    AmbiguousNameError,
    ConfigurationError,
    CvmError,
    CvmSession,
    Job,
    NoAnswerError,
    RateLimitedError,
    VpsNotFoundError,
)

PATIENCE = 2.5
"""Seconds that a request waits for a restart to end."""
STATUS_CODES: dict[type[CvmError], HTTPStatus] = {
    VpsNotFoundError: HTTPStatus.NOT_FOUND,
    AmbiguousNameError: HTTPStatus.CONFLICT,
    ConfigurationError: HTTPStatus.BAD_REQUEST,
    RateLimitedError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoAnswerError: HTTPStatus.GATEWAY_TIMEOUT,
}
"""How errors are answered; the others with a 502, as it is the panel behind us that has the trouble."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Open the session before the first request, and close it after the last."""
    async with CvmSession.from_env() as session:
        app.state.session = session
        yield


async def session_of(request: Request) -> CvmSession:
    """Give the app's session."""
    session: CvmSession = request.app.state.session
    return session


async def check_key(sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> None:
    """Refuse whoever does not know the key: only who does may act."""
    if not secrets.compare_digest(sent.credentials.encode(), os.environ["API_KEY"].encode()):
        raise HTTPException(HTTPStatus.FORBIDDEN, "that is not the key")


Session = Annotated[CvmSession, Depends(session_of)]
app = FastAPI(title="Fleet", lifespan=lifespan)


@app.exception_handler(CvmError)
async def tell(_: Request, error: Exception) -> JSONResponse:
    """Answer with what a user may know of an error, and the word for it that stays."""
    assert isinstance(error, CvmError)  # noqa: S101 - it is registered for these
    code = next((code for kind, code in STATUS_CODES.items() if isinstance(error, kind)), HTTPStatus.BAD_GATEWAY)
    return JSONResponse({"error": error.kind, "message": error.user_message}, status_code=code)


@app.get("/fleet")
async def fleet(session: Session) -> dict[str, object]:
    """Give the status of every VPS."""
    every = await session.fleet()
    return (await every.status(deadline=30.0)).to_dict()


@app.get("/vps/{name}")
async def vps(name: str, session: Session) -> dict[str, object]:
    """Give a VPS by its hostname or id, its status, and what is being done to it."""
    found = await session.find(name)
    status = await session.status(found)
    job = session.job(found)
    return {"vps": found.to_dict(), "status": status.to_dict(), "job": None if job is None else told(job)}


@app.post("/vps/{name}/restart", dependencies=[Depends(check_key)])
async def restart(name: str, session: Session, response: Response) -> dict[str, object]:
    """Restart a VPS: 200 where that has ended, 202 where it goes on; then `GET /vps/…` shows the job until it ends.

    Asked again meanwhile it joins the restart that is under way, and sends no second one.
    """
    job = session.restart(await session.find(name))
    if await job.wait(PATIENCE):
        await job
    else:
        response.status_code = HTTPStatus.ACCEPTED
    return told(job)


def told(job: Job) -> dict[str, object]:
    """Give a job as JSON takes it."""
    return {
        "verb": job.verb,
        "vps": job.vps_id,
        "state": job.state,
        "since": None if job.since is None else job.since.isoformat(),
    }
