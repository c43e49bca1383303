"""`POST /v1/faq`: a question, and the entries of the knowledge base that answer it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from ..plain import rounded
from .analyze import check_sizes, read_body, reply, unless_gone
from .schemas import Question, check
from .service import Service

if TYPE_CHECKING:  # it loads torch
    from ..apps.faq import Faq, Reply


async def faq(service: Service, request: Request) -> Response:
    """Answer one request.

    service (Service): The service, with a knowledge base.
    request (Request): The request.
    RETURNS (Response): The decision and the likeliest answers.
    RAISES (Problem): As `analyze`.
    """
    assert service.knowledge is not None
    caller = service.keys.identify(request.headers)
    caller.check_application("faq")
    query = check(Question, await read_body(service.settings, request))
    check_sizes([query.text], service.settings)
    caller.spend(1)
    facts: dict[str, Any] = request.state.facts
    facts |= {"key": caller.name, "application": "faq", "characters": len(query.text)}
    work = service.knowledge.run(partial(answers, query))
    found = await unless_gone(request.receive, work)
    service.metrics.answered(found)
    return reply(rounded(found, service.settings.digits))


def answers(query: Question, faq: Faq) -> Reply:
    """RETURNS (Reply): As `Faq.ask`."""
    return faq.ask(query.text, query.k)
