"""`POST /v1/recommend`: items for a user of the training, or for what somebody likes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from ..errors import XinzhiError
from ..plain import rounded
from .analyze import check_sizes, read_body, reply, unless_gone
from .problems import Problem
from .schemas import ForLiked, ForUser, check
from .service import Service

if TYPE_CHECKING:  # it loads torch
    from ..apps.recommend.recommender import Recommender


async def recommend(service: Service, request: Request) -> Response:
    """Answer one request.

    service (Service): The service, with a recommender.
    request (Request): The request.
    RETURNS (Response): The items, the best first.
    RAISES (Problem): As `analyze`; 422 for an unknown user or item.
    """
    assert service.recommender is not None
    caller = service.keys.identify(request.headers)
    caller.check_application("recommend")
    value = await read_body(service.settings, request)
    known = isinstance(value, dict) and "user" in value
    query = check(ForUser, value) if known else check(ForLiked, value)
    names = [query.user] if isinstance(query, ForUser) else query.liked
    check_sizes(names, service.settings)
    caller.spend(1)
    facts: dict[str, Any] = request.state.facts
    facts |= {"key": caller.name, "application": "recommend", "items": query.k}
    work = service.recommender.run(partial(rank, query))
    found = await unless_gone(request.receive, work)
    service.metrics.recommended(found)
    return reply({"items": rounded(found, service.settings.digits)})


def rank(query: ForUser | ForLiked, recommender: Recommender) -> list[dict[str, Any]]:
    """RETURNS (list): id, text and probability of each item, the best first.

    RAISES (Problem): 422 for an unknown user or item; never with its name.
    """
    try:
        if isinstance(query, ForUser):
            found = recommender.rank(query.user, query.k)
        else:
            found = recommender.rank_liked(query.liked, query.k)
    except XinzhiError as err:
        raise _unknown(query, recommender) from err
    return [place.to_dict() for place in found]


def _unknown(query: ForUser | ForLiked, recommender: Recommender) -> Problem:
    if isinstance(query, ForUser):
        return Problem(
            422, "unknown_user", "There is no such user. Say what the user likes instead: liked."
        )
    index = next(i for i, name in enumerate(query.liked) if name not in recommender.numbers)
    return Problem(422, "unknown_item", "There is no such item. Leave it out.", index=index)
