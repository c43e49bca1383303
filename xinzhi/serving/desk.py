"""`POST /v1/desk`: what a user says in, what it means and what to do out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..plain import rounded
from .analyze import check_sizes, read_body, reply, unless_gone
from .schemas import Conversation, OneTurn, check
from .service import Service


async def desk(service: Service, request: Request) -> Response:
    """Answer one request.

    service (Service): The service, with customer service.
    request (Request): The request.
    RETURNS (Response): The outcome of every turn.
    RAISES (Problem): As `analyze`; see `FrontDesk.talk`.
    """
    assert service.desk is not None
    caller = service.keys.identify(request.headers)
    caller.check_application("desk")
    value = await read_body(service.settings, request)
    many = isinstance(value, dict) and "texts" in value
    query = check(Conversation, value) if many else check(OneTurn, value)
    texts = query.all_texts
    check_sizes(texts, service.settings)
    caller.spend(len(texts))
    facts: dict[str, Any] = request.state.facts
    facts |= {"key": caller.name, "application": "desk", "texts": len(texts)}
    facts["characters"] = sum(map(len, texts))
    work = service.desk.talk(texts, query.not_answered)
    model, outcomes = await unless_gone(request.receive, work, service.settings.timeout_seconds)
    for outcome in outcomes:
        service.metrics.routed(outcome)
    found = rounded(outcomes, service.settings.digits)
    return reply({"model": model.label if model else None, "outcomes": found})
