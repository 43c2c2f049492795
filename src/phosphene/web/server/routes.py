"""The documents and what one may ask for, under ``/api/v1``. No torch.

Whatever takes time runs in threads; what a part raises becomes a ``Problem`` in ``problems``.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from ...errors import BadSpec, closest
from ..schema.documents import LayerDoc, NetworkDoc, NetworkLine, SiteDoc, UnitDoc
from ..schema.live_documents import Ask, ChoicesDoc, Completion, JobDoc, Problem, TargetDoc
from ..schema.look_documents import LookDoc
from ..schema.parts import Parts
from .events import MOST_LISTENERS, Hub, Stream

LOOKS = 8  # that are under way or wait; of those that wait the newest counts
ONLY_SHOWS = (
    "this microscope only shows what is there; to make new pictures, start phosphene serve without --read-only where "
    "torch is installed"
)
Id = Annotated[str, Path(pattern="^[0-9a-f]{1,32}$", description="a fingerprint, or how one begins")]
Job = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]
Channel = Annotated[int, Path(ge=0, le=10**9)]
Text = Annotated[str, Query(max_length=2000)]
Some = Annotated[str | None, Query(max_length=500)]
Part = TypeVar("Part")
WRONG: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "there is none"},
    422: {"model": Problem, "description": "it cannot be"},
}
LIVE: dict[int | str, dict[str, Any]] = {
    **WRONG,
    409: {"model": Problem, "description": "only shown here"},
    429: {"model": Problem, "description": "too much at once; Retry-After says when to come back"},
}


def there(part: Part | None) -> Part:
    """A part of the application that may be missing: without torch, or with ``--read-only``."""
    if part is None:
        raise HTTPException(409, ONLY_SHOWS)
    return part


async def only_known(request: Request) -> None:
    """Refuse a misspelt option: it would be left out silently. BadSpec."""
    try:
        told = json.loads(await request.body())
    except (ValueError, RecursionError):
        return  # said below, when it is read as an Ask
    known = [one.name for one in fields(Ask)]
    for name in told if isinstance(told, dict) else ():
        if name not in known:
            raise BadSpec(f"a job has no {name[:40]!r}; {closest(name[:40], known)}")


def documents(parts: Parts) -> APIRouter:
    """What is there."""
    router = APIRouter(prefix="/api/v1", tags=["documents"], responses=WRONG)
    shelf = parts.shelf

    def site_now() -> SiteDoc:
        return shelf.site(parts.live, parts.desk is not None)

    @router.get("/site", summary="Where one begins")
    def site() -> SiteDoc:
        return site_now()

    @router.get("/models", summary="All networks")
    def models() -> list[NetworkLine]:
        return list(site_now().networks)

    @router.get("/models/{network}", summary="A network and its layers")
    def model(network: Id) -> NetworkDoc:
        return shelf.network(network, parts.live)

    @router.get("/models/{network}/layers/{layer:path}/units/{channel}", summary="All that is known of a unit")
    def unit(network: Id, layer: str, channel: Channel) -> UnitDoc:
        return shelf.unit(network, layer, channel, parts.live)

    @router.get("/models/{network}/layers/{layer:path}", summary="A layer at a glance")
    def layer(network: Id, layer: str) -> LayerDoc:
        return shelf.layer(network, layer, parts.live)

    return router


def seeing(parts: Parts) -> APIRouter:
    """What a network sees in a picture, and the words of targets."""
    router = APIRouter(prefix="/api/v1/models/{network}", tags=["live"], responses=LIVE)
    looks = CapacityLimiter(LOOKS)

    @router.get("/choices", summary="What a job can be asked with")
    def choices(network: Id) -> ChoicesDoc:
        return there(parts.words).choices(network)

    @router.get("/complete", summary="Ways to go on with a target's text")
    def complete(network: Id, text: Text = "") -> list[Completion]:
        return list(there(parts.words).complete(network, text))

    @router.get("/target", summary="A target as it is understood")
    def target(network: Id, text: Text = "") -> TargetDoc:
        return there(parts.words).target(network, text)

    @router.post(
        "/look",
        summary="What a network sees in a picture",
        openapi_extra={"requestBody": {"required": True, "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/png", "image/jpeg", "image/webp")}}},
    )  # fmt: skip
    async def look(
        request: Request, network: Id, layer: Some = None, unit: Some = None, method: Some = None
    ) -> LookDoc:
        eye, data = there(parts.eye), await request.body()
        if not data:
            raise BadSpec("there is no picture; send the bytes of a PNG, JPEG or WebP as the body")
        if looks.borrowed_tokens >= LOOKS:
            raise HTTPException(429, "too many pictures at once; wait for the answers", {"Retry-After": "1"})
        return await to_thread.run_sync(eye.look, network, data, layer, unit, method, limiter=looks)

    return router


def work(parts: Parts) -> APIRouter:
    """Jobs."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=LIVE)

    @router.get("", summary="All jobs, the newest first")
    def jobs() -> list[JobDoc]:
        return list(there(parts.kept).jobs())

    @router.post("", summary="Ask for pictures", status_code=201, dependencies=[Depends(only_known)])
    def ask(ask: Ask) -> JobDoc:
        return there(parts.desk).ask(ask)

    @router.get("/{job}", summary="A job")
    def one(job: Job) -> JobDoc:
        return there(parts.kept).job(job)

    @router.post("/{job}/pause", summary="Hold a job still")
    def pause(job: Job) -> JobDoc:
        return there(parts.desk).pause(job)

    @router.post("/{job}/resume", summary="Go on with a job")
    def resume(job: Job) -> JobDoc:
        return there(parts.desk).resume(job)

    @router.post("/{job}/stop", summary="End a job; its pictures so far are kept")
    def stop(job: Job) -> JobDoc:
        return there(parts.desk).stop(job)

    @router.delete("/{job}", summary="Remove a job and its pictures", status_code=204, response_model=None)
    def remove(job: Job) -> Response:
        there(parts.desk).remove(job)
        return Response(status_code=204)

    return router


def telling(parts: Parts, hub: Hub) -> APIRouter:
    """What happens, as it happens."""
    router = APIRouter(prefix="/api/v1", tags=["live"], responses=LIVE)

    @router.get(
        "/events",
        summary="Server-sent events: job (a JobDoc), gone ({id}), layer ({network, layer})",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events() -> Response:
        there(parts.desk)
        box = hub.enter()
        if box is None:
            raise HTTPException(429, f"{MOST_LISTENERS} pages listen already; close one of them", {"Retry-After": "30"})
        return Stream(hub, box)

    return router
