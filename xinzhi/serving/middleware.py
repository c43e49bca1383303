"""Around every request: host check, request id, security headers, metrics, one log line."""

from __future__ import annotations

import logging
import re
import time
import traceback
import uuid
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .headers import RAW_HEADERS
from .problems import Problem
from .service import Service

logger = logging.getLogger("xinzhi.serving.access")
REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
CLIENT_GONE = 499  # nobody sees it but the log and the metrics


class Surroundings:
    """ASGI middleware; see the module.

    app (ASGIApp): What it surrounds.
    service (Service): The service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        facts: dict[str, Any] = scope.setdefault("state", {}).setdefault("facts", {})
        facts["request_id"] = request_id(headers)
        # HEAD is GET without the body, which the server leaves out.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        status, began = 0, time.monotonic()

        async def send_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message, scope, facts["request_id"])
            await send(message)

        self._service.metrics.in_flight.inc()
        try:
            self._check_host(headers)
            await self._app(inner, receive, send_more)
        except Problem as problem:
            await problem.to_response()(scope, receive, send_more)
        except Exception as err:  # without its message, which may quote a text
            where = traceback.format_tb(err.__traceback__)
            facts |= {"error": type(err).__name__, "traceback": where}
            logger.error("unexpected error", extra={"facts": facts})
            if not status:
                unexpected = Problem(500, "internal_error", "An error; the log has it.")
                await unexpected.to_response()(scope, receive, send_more)
        finally:
            self._service.metrics.in_flight.dec()
            scope["route"] = inner.get("route")
            self._record(scope, status or CLIENT_GONE, time.monotonic() - began, facts)

    def _check_host(self, headers: Headers) -> None:
        """A web page elsewhere must not reach an open local service by a name that it controls."""
        settings = self._service.settings
        allowed = settings.allowed_hosts
        if not allowed and not settings.keys and not settings.anonymous:
            allowed = list(LOCAL_HOSTS)
        host = re.sub(r":\d+$", "", headers.get("host", "").lower())
        if allowed and host not in allowed and host != settings.host:
            raise Problem(
                421, "wrong_host", "This service has another name; see the setting allowed_hosts."
            )

    def _add_headers(self, message: Message, scope: Scope, request: str) -> None:
        own = {name for name, _ in message["headers"]}  # the dashboard has a policy of its own
        added = [pair for pair in RAW_HEADERS if pair[0] not in own]
        added.append((b"x-request-id", request.encode("ascii")))
        if scope["path"].startswith("/v1/") and b"cache-control" not in own:
            added.append((b"cache-control", b"no-store"))
        if self._service.draining:
            added.append((b"connection", b"close"))
        message["headers"] = [*message["headers"], *added]

    def _record(self, scope: Scope, status: int, seconds: float, facts: dict[str, Any]) -> None:
        endpoint = getattr(scope.get("route"), "path", "") or "(other)"
        method = scope["method"] if scope["method"] in METHODS else "(other)"
        metrics = self._service.metrics
        metrics.requests.labels(endpoint, method, str(status)).inc()
        metrics.request_seconds.labels(endpoint).observe(seconds)
        metrics.queue_texts.set(len(self._service.engine.queue))
        line = {"endpoint": endpoint, "method": method, "status": status, **facts}
        level = logging.DEBUG if endpoint in ("/healthz", "/readyz", "/metrics") else logging.INFO
        logger.log(level, "request", extra={"facts": {**line, "seconds": round(seconds, 4)}})


def request_id(headers: Headers) -> str:
    """RETURNS (str): The caller's X-Request-ID if it is a plain one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
