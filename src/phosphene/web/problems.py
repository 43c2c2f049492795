"""Errors as answers: a fitting status, and one line. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import (
    BadTarget,
    MissingDependency,
    OutOfMemory,
    OutputError,
    PhospheneError,
    StoreError,
    UnitOutOfRange,
    UnknownName,
)
from .documents import Problem
from .limits import Full

Statuses = Mapping[type[PhospheneError], int]
LONGEST = 600  # characters of a line


def problem(status: int, line: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(asdict(Problem(line)), status, headers)


def one_line(error: PhospheneError) -> str:
    """An error without line breaks; the caret under a target's text becomes a number."""
    if isinstance(error, BadTarget):
        text = f"cannot read the target: {error.reason}, at character {error.place + 1} of {error.text!r}"
    else:
        text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def status_of(error: PhospheneError, also: Statuses) -> int:
    known = next((also[kind] for kind in also if isinstance(error, kind)), None)
    if known is not None:
        return known
    if isinstance(error, Full):
        return 429
    if isinstance(error, StoreError | UnknownName | UnitOutOfRange):
        return 404
    if isinstance(error, MissingDependency):
        return 409
    if isinstance(error, OutOfMemory | OutputError):
        return 507
    return 422


def answers(app: FastAPI, also: Statuses) -> None:
    """Have an application answer with problems, and nothing else, where something is wrong.

    ``also``: the statuses of errors that are not known where torch is not.
    """

    @app.exception_handler(PhospheneError)
    def ours(_: Request, error: PhospheneError) -> JSONResponse:
        wait = {"Retry-After": str(max(1, math.ceil(error.wait)))} if isinstance(error, Full) else None
        return problem(status_of(error, also), one_line(error), wait)

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
        return problem(404 if place[:1] == ["path"] else 422, _printable(f"{what}: {first['msg']}"[:LONGEST]))

    @app.exception_handler(Exception)
    def broken(_: Request, __: Exception) -> JSONResponse:
        return problem(500, "something is broken in the server; its terminal says what")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
