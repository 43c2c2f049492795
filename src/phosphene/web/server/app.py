"""The application: documents, jobs, pictures and the pages, behind the guard. No torch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from importlib import metadata, resources
from typing import Annotated, final

from fastapi import APIRouter, FastAPI, Path, Request, Response

from ...errors import StoreError
from ...store.paths import hashed
from ..schema.parts import DeskPart, EyePart, JournalPart, Parts, ShelfPart, WordsPart
from ..schema.paths import unslug
from .bodies import Receive
from .events import Hub
from .problems import answers
from .routes import LIVE, WRONG, Id, Job, documents, seeing, telling, there, work
from .security import Guard, Guarded, Scope, Send

SHOWN = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg", "jpeg": "image/jpeg"}
FILES = {"app.js": "text/javascript", "app.css": "text/css", "icon.svg": "image/svg+xml"}
FOREVER = "private, max-age=31536000, immutable"  # its name tells its content
ASK_AGAIN = "private, no-cache"
Name = Annotated[str, Path(max_length=100)]


@final
class Application:
    """What a server runs. ``close`` ends the event streams, so that the server can end."""

    def __init__(self, app: FastAPI, guard: Guard, hub: Hub) -> None:
        self.api = app
        self._guarded = Guarded(app, guard)
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._guarded(scope, receive, send)

    def close(self) -> None:
        self._hub.close()


def application(
    shelf: ShelfPart,
    *,
    guard: Guard,
    desk: DeskPart | None = None,
    eye: EyePart | None = None,
    words: WordsPart | None = None,
    journal: JournalPart | None = None,
    live: Collection[str] = (),
    heartbeat: float = 15.0,
) -> Application:
    """The application on a shelf of documents. ``live``: the networks of which new pictures can be made.

    ``journal``: the jobs that are shown where there is no desk. ``heartbeat``: seconds between two signs of life to
    those who listen.
    """
    parts = Parts(shelf, desk, eye, words, frozenset(live), journal)
    hub = Hub(desk, heartbeat)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        hub.close()

    app = FastAPI(
        title="phosphene",
        description="What the units of a vision network respond to. All answers are for those with a key alone.",
        version=metadata.version("phosphene"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    answers(app)
    for router in (seeing(parts), documents(parts), work(parts), telling(parts, hub), pictures(parts), pages()):
        app.include_router(router)
    return Application(app, guard, hub)


def pictures(parts: Parts) -> APIRouter:
    """Pictures of the store and of live jobs."""
    router = APIRouter(tags=["pictures"], responses=WRONG, default_response_class=Response)

    @router.get("/objects/{ab}/{name}", summary="A payload of the store")
    def payload(ab: Name, name: Name) -> Response:
        return _picture(parts.shelf.object(f"{ab}/{name}"), name, FOREVER)

    @router.get("/sheets/{network}/{layer}/{name}", summary="Thumbnails of a layer")
    def sheet(network: Id, layer: Annotated[str, Path(max_length=1000)], name: Name) -> Response:
        return _picture(parts.shelf.sheet(network, unslug(layer), name), name, FOREVER)

    @router.get("/jobs/{job}/{name}", summary="A picture of a job", responses=LIVE)
    def frame(request: Request, job: Job, name: Name) -> Response:
        return _if_new(request, _picture(there(parts.kept).picture(job, name), name, ASK_AGAIN))

    return router


def pages() -> APIRouter:
    """The built front end."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def index(request: Request) -> Response:
        return _if_new(request, Response(_built("index.html"), headers={"cache-control": ASK_AGAIN},
                                         media_type="text/html"))  # fmt: skip

    @router.get("/{name}")
    def file(request: Request, name: Name) -> Response:
        if name not in FILES:
            raise StoreError("there is nothing at this address")
        return _if_new(request, Response(_built(name), headers={"cache-control": ASK_AGAIN}, media_type=FILES[name]))

    return router


def _built(name: str) -> bytes:
    """A file of the built front end."""
    try:
        return (resources.files("phosphene.web") / "dist" / name).read_bytes()
    except FileNotFoundError:
        raise StoreError(
            "the pages are not built; in a checkout: npm ci && npm run build in frontend/, else install phosphene again"
        ) from None


def _picture(data: bytes, name: str, cache: str) -> Response:
    """A picture; what is none is saved by a browser, never shown."""
    kind = SHOWN.get(name.rpartition(".")[2])
    headers = {"cache-control": cache}
    if kind is None:
        headers["content-disposition"] = "attachment"
    return Response(data, headers=headers, media_type=kind or "application/octet-stream")


def _if_new(request: Request, response: Response) -> Response:
    """An answer of 304 to who has it already."""
    tag = f'"{hashed(bytes(response.body))}"'
    response.headers["etag"] = tag
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag, "cache-control": ASK_AGAIN})
    return response
