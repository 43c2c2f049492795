"""Errors as answers: a fitting status, and one line. No torch."""

from __future__ import annotations

import math
from dataclasses import asdict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ...errors import (
    MissingDependency,
    OutOfMemory,
    OutputError,
    PhospheneError,
    StoreError,
    UnitOutOfRange,
    UnknownName,
)
from ..schema.limits import Full, Later, Superseded
from ..schema.lines import LONGEST, full_line, printable
from ..schema.live_documents import Problem


def problem(status: int, line: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(asdict(Problem(line)), status, headers)


def status_of(error: PhospheneError) -> int:
    if isinstance(error, Full):
        return 429
    if isinstance(error, Superseded):
        return 503  # not 409: that says that it will never be
    if isinstance(error, StoreError | UnknownName | UnitOutOfRange):
        return 404
    if isinstance(error, MissingDependency):
        return 409
    if isinstance(error, OutOfMemory | OutputError):
        return 507
    return 422


def answers(app: FastAPI) -> None:
    """Have an application answer with problems, and nothing else, where something is wrong."""

    @app.exception_handler(PhospheneError)
    def ours(_: Request, error: PhospheneError) -> JSONResponse:
        wait = {"Retry-After": str(max(1, math.ceil(error.wait)))} if isinstance(error, Later) else None
        return problem(status_of(error), full_line(error), wait)

    @app.exception_handler(HTTPException)
    def known(request: Request, error: HTTPException) -> JSONResponse:
        line = str(error.detail)
        if error.status_code == 400:  # too deep, numbers too long, letters that are none
            return problem(422, "the body is not JSON that can be read")
        if error.status_code == 404:
            line = "there is nothing at this address"
        elif error.status_code == 405:
            line = f"{request.method} is not for this address"
        return problem(error.status_code, line, dict(error.headers) if error.headers is not None else None)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = [str(one) for one in first["loc"]]
        if first["type"] == "json_invalid":
            return problem(422, "the body is not JSON that can be read")
        what = " ".join(place[1:])[:80] or "the body"
        # an address that cannot be one is an address of nothing
        return problem(404 if place[:1] == ["path"] else 422, printable(f"{what}: {first['msg']}"[:LONGEST]))

    @app.exception_handler(Exception)
    def broken(_: Request, __: Exception) -> JSONResponse:
        return problem(500, "something is broken in the server; its terminal says what")
