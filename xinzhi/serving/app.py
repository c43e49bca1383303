"""The ASGI application: which address leads to which endpoint."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __version__
from ..errors import XinzhiError
from . import documents as docs
from .analyze import analyze, read_body, reply
from .bodies import ClientGone
from .desk import desk
from .faq import faq
from .middleware import CLIENT_GONE, Surroundings
from .monitor import monitor
from .problems import Problem
from .recommend import recommend
from .schemas import Swap, check
from .service import Service
from .settings import ServeSettings
from .similar import similar

STATIC = Path(__file__).parent / "static"
logger = logging.getLogger("xinzhi.serving")


def create_app(settings: ServeSettings) -> FastAPI:
    """Make the application of one worker; the models are loaded when it starts.

    settings (ServeSettings): The settings.
    RETURNS (FastAPI): The application.
    """
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with service.running():
                yield
        except XinzhiError as err:
            logger.error(err.fact, extra={"facts": {"next_step": err.next_step}})
            raise SystemExit(1) from err

    app = Api(
        title="xinzhi",
        version=__version__,
        description="Entities, classifications and scores of texts, by spaCy pipelines.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.router.route_class = Direct
    app.state.service = service
    _add_endpoints(app, service)
    _add_applications(app, service)
    _add_operations(app, service)
    if settings.page and STATIC.is_dir():
        _add_page(app)
    _add_errors(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type"],
        )
    app.add_middleware(Surroundings, service=service)
    return app


class Direct(APIRoute):
    """Hands the request to the endpoint as it is: FastAPI describes it, and converts nothing. That
    takes a seventh off the time that a request takes on the event loop."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """RETURNS (Callable): The endpoint."""
        return self.endpoint


class Api(FastAPI):
    """An application whose document says how keys are sent."""

    def openapi(self) -> dict[str, Any]:
        """RETURNS (dict): The OpenAPI document."""
        document = super().openapi()
        document.setdefault("components", {})["securitySchemes"] = docs.SCHEMES
        return document


def _add_endpoints(app: FastAPI, service: Service) -> None:
    @app.post("/v1/analyze", **docs.analyze(service.settings))
    async def analyze_texts(request: Request) -> Any:
        return await analyze(service, request)

    @app.post("/v1/similar", **docs.similar(service.settings))
    async def similar_texts(request: Request) -> Any:
        return await similar(service, request)

    @app.get("/v1/models", **docs.models())
    async def list_models(request: Request) -> Any:
        caller = service.keys.identify(request.headers)
        listing = service.store.listing(caller)
        return reply({"models": listing, "applications": service.applications(caller)})

    @app.get("/v1/model", **docs.model())
    async def describe_model(request: Request) -> Any:
        caller = service.keys.identify(request.headers)
        model = service.model(request.query_params.get("model"), caller)
        limits = {name: getattr(service.settings, name) for name in docs.LIMITS}
        versions = service.store.versions(model.name)
        return reply({**model.describe(), "versions": versions, "limits": limits})

    @app.post("/v1/admin/models/{name}", **docs.change_version())
    async def change_version(request: Request) -> Any:
        name = request.path_params["name"]
        service.administrator(service.keys.identify(request.headers), name)
        wanted = check(Swap, await read_body(service.settings, request))
        return reply({"model": (await service.store.change(name, wanted.version)).label})

    @app.post("/v1/admin/models/{name}/rollback", **docs.roll_back())
    async def roll_back(request: Request) -> Any:
        name = request.path_params["name"]
        service.administrator(service.keys.identify(request.headers), name)
        return reply({"model": (await service.store.roll_back(name)).label})


def _add_applications(app: FastAPI, service: Service) -> None:
    if service.knowledge is not None:

        @app.post("/v1/faq", **docs.faq(service.settings))
        async def ask(request: Request) -> Any:
            return await faq(service, request)

    if service.desk is not None:

        @app.post("/v1/desk", **docs.desk(service.settings))
        async def take_turns(request: Request) -> Any:
            return await desk(service, request)

    if service.shelf is not None:

        @app.post("/v1/recommend", **docs.recommend(service.settings))
        async def recommend_items(request: Request) -> Any:
            return await recommend(service, request)

    if service.dashboard is not None:

        @app.get("/v1/monitor", **docs.monitor("JSON"))
        async def read_monitor(request: Request) -> Any:
            return await monitor(service, request, as_json=True)

        @app.get("/monitor", **docs.monitor("HTML"))
        async def show_monitor(request: Request) -> Any:
            return await monitor(service, request, as_json=False)


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", **docs.health())
    async def health(request: Request) -> Any:
        if not service.engine.healthy:
            raise Problem(503, "stalled", "The inference thread is stuck. Restart this worker.")
        return reply({"status": "ok"})

    @app.get("/readyz", **docs.health())
    async def ready(request: Request) -> Any:
        if not service.ready or service.draining:
            raise Problem(503, "not_ready", "Starting or stopping.", headers={"Retry-After": "1"})
        return reply({"status": "ready"})

    @app.get("/metrics", **docs.metrics())
    async def metrics(request: Request) -> Any:
        if not service.settings.public_metrics:
            caller = service.keys.identify(request.headers)
            if caller.models is not None:
                raise Problem(403, "metrics_forbidden", "The key must open all models.")
        return Response(service.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI) -> None:
    """One route for each file: a mount at / would answer for every other address too."""
    files = StaticFiles(directory=STATIC, html=True)
    for path in STATIC.rglob("*.*"):
        app.router.routes.append(Route(f"/{path.relative_to(STATIC).as_posix()}", files))
    app.router.routes.append(Route("/", files))


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def on_problem(request: Request, problem: Problem) -> Response:
        return problem.to_response()

    @app.exception_handler(ClientGone)
    async def on_client_gone(request: Request, error: ClientGone) -> Response:
        return Response(status_code=CLIENT_GONE)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        headers = dict(error.headers or {})
        return Problem(error.status_code, code, str(error.detail), headers=headers).to_response()
