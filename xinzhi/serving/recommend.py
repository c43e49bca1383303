"""`POST /v1/recommend`: items for a user of the training, or for what somebody likes or wishes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from ..errors import XinzhiError
from ..plain import rounded
from .analyze import check_sizes, read_body, reply, unless_gone
from .problems import Problem
from .schemas import ForLiked, ForText, ForUser, check
from .service import Service

if TYPE_CHECKING:
    from .indexes import Shelf

Query = ForUser | ForLiked | ForText


async def recommend(service: Service, request: Request) -> Response:
    """Answer one request.

    service (Service): The service, with a recommender.
    request (Request): The request.
    RETURNS (Response): The items, the best first.
    RAISES (Problem): As `analyze`; see `rank`.
    """
    assert service.shelf is not None
    caller = service.keys.identify(request.headers)
    caller.check_application("recommend")
    query = read(await read_body(service.settings, request))
    check_sizes(given(query), service.settings)
    caller.spend(1)
    facts: dict[str, Any] = request.state.facts
    facts |= {"key": caller.name, "application": "recommend", "items": query.k}
    work = service.shelf.run(partial(rank, query))
    found = await unless_gone(request.receive, work)
    service.metrics.recommended(found)
    return reply({"items": rounded(found, service.settings.digits)})


def read(value: Any) -> Query:
    """RETURNS (Query): What is asked for.

    RAISES (Problem): 422 if it has not one of the documented forms.
    """
    members = value if isinstance(value, dict) else {}
    if "user" in members:
        return check(ForUser, value)
    return check(ForText, value) if "text" in members else check(ForLiked, value)


def given(query: Query) -> list[str]:
    """RETURNS (list): The texts of a request."""
    if isinstance(query, ForLiked):
        return query.liked
    return [query.user if isinstance(query, ForUser) else query.text]


def rank(query: Query, shelf: Shelf) -> list[dict[str, Any]]:
    """RETURNS (list): id, text and probability of each item, the best first.

    RAISES (Problem): 422 for an unknown user or item, never with its name, for an empty text, and
        for any text if there is no encoder.
    """
    recommender = shelf.recommender
    try:
        if isinstance(query, ForUser):
            found = recommender.rank(query.user, query.k)
        elif isinstance(query, ForLiked):
            found = recommender.rank_liked(query.liked, query.k)
        else:
            found = recommender.rank_text(query.text, _encoder(shelf), query.k)
    except XinzhiError as err:
        raise _refused(query, shelf) from err
    return [place.to_dict() for place in found]


def _encoder(shelf: Shelf) -> Any:
    if shelf.encode is None:
        raise Problem(
            422, "no_encoder", "Free texts need the setting recommend_encoder. Send user or liked."
        )
    return shelf.encode


def _refused(query: Query, shelf: Shelf) -> Problem:
    if isinstance(query, ForUser):
        return Problem(
            422, "unknown_user", "There is no such user. Say what the user likes instead: liked."
        )
    if isinstance(query, ForText):
        return Problem(422, "empty_text", "The text is empty. Say what is wished for.")
    known = shelf.recommender.numbers
    index = next(i for i, name in enumerate(query.liked) if name not in known)
    return Problem(422, "unknown_item", "There is no such item. Leave it out.", index=index)
